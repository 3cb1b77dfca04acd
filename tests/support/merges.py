"""A small project whose branches differ at random, and what a merge of two of them must give."""

import random
import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.support.clone import Clone

# Each stage writes a digest of all that it read, and of the scripts' own numbers.
SCRIPT = """\
\"\"\"A stage.\"\"\"
import hashlib, sys, yaml
from lib import one, two

NUMBER = 1


# The rest is the same in all stages.
reads, writes = sys.argv[2].split(","), sys.argv[3].split(",")
params = yaml.safe_load(open("params.yaml"))
text = str([NUMBER, one.NUMBER, two.NUMBER, [params[key] for key in sys.argv[1].split(",")]])
text += "".join(open(path).read() for path in reads if path)
for path in writes:
    with open(path, "w") as file:
        file.write(hashlib.sha256((path + text).encode()).hexdigest() + "\\n")
    print("ran", path)
"""
LIBRARY = '"""A part."""\n\n\n\nNUMBER = 1\n\n\n\n# The end.\n'
PARAMS = """\
make:
  rows: 1      # how many
  seed: 1      # its seed
fit:
  lr: 1        # a rate
  epochs: 1    # how long
  model: 1     # which
draw:
  width: 1     # wide
  dpi: 1       # fine
"""
KEYS = [("make", "rows"), ("make", "seed"), ("fit", "lr"), ("fit", "epochs"), ("fit", "model"),
        ("draw", "width"), ("draw", "dpi")]  # fmt: skip
# name: parameters, inputs, outputs in DVC's cache, outputs in git and their kind
STAGES: dict[str, tuple[str, list[str], list[str], list[str], str]] = {
    "make": ("make", ["data/table.csv", "data/big.csv"], ["data/all"], [], ""),
    "split": ("make", ["data/all"], ["data/left", "data/right"], [], ""),
    "fit": ("fit", ["data/left"], ["models/model"], ["plots/history.csv"], "plots"),
    "score": ("fit", ["data/right", "models/model"], [], ["metrics.json"], "metrics"),
    "draw": ("draw", ["plots/history.csv"], [], ["plots/a.png", "plots/b.png"], "plots"),
}  # fmt: skip


def stage(name: str, script: str, params: str, reads: list[str], cached: list[str],
          kept: list[str], kind: str) -> str:  # fmt: skip
    """The text of an entry of dvc.yaml."""
    entry: dict[str, Any] = {
        "cmd": f"python code/{script}.py {params} {','.join(reads)} {','.join([*cached, *kept])}",
        "deps": [f"code/{script}.py", "code/lib", *reads],
        "params": [params],
        "outs": cached,
        kind or "plots": [{path: {"cache": False}} for path in kept],
    }
    text = yaml.safe_dump({name: {key: value for key, value in entry.items() if value}})
    return "".join(f"  {line}\n" for line in text.splitlines()) + "\n"


def make_project(path: Path) -> Clone:
    """The project, which has run and is committed; its remote for data is beside it."""
    clone = Clone(path, OMP_NUM_THREADS="1")
    for name in ("code/lib", "data", "models", "plots"):
        (path / name).mkdir(parents=True)
        (path / name / ".gitkeep").touch()
    for name, own in STAGES.items():
        (path / f"code/{name}.py").write_text(SCRIPT)
        with (path / "dvc.yaml").open("a") as file:
            file.write("" if file.tell() else "stages:\n")
            file.write(stage(name, name, *own))
    for name in ("one", "two"):
        (path / f"code/lib/{name}.py").write_text(LIBRARY)
    (path / "params.yaml").write_text(PARAMS)
    (path / ".dvcignore").write_text("/code/lib/**\n!/code/lib/**/\n!/code/lib/**/*.py\n")
    (path / ".gitignore").write_text("__pycache__\n")
    (path / ".gitattributes").write_text("* text=auto eol=lf\n*.png binary\n")
    (path / "data/table.csv").write_text("".join(f"{i}\n" for i in range(20)))
    (path / "data/big.csv").write_text("1\n")
    clone.run("git", "init", "--quiet", "--initial-branch=main")
    clone.run("git", "config", "user.name", "A Person")
    clone.run("git", "config", "user.email", "person@example.org")
    clone.run("dvc", "init", "--quiet")
    clone.run("dvc", "config", "core.analytics", "false")
    clone.run("dvc", "remote", "add", "--quiet", "--default", "there", str(path.parent / "remote"))
    clone.run("dvc", "add", "--quiet", "data/big.csv")
    clone.run("dvc", "repro", "--quiet")
    clone.commit("A run")
    clone.run("dvc", "push", "--quiet")
    return clone


def change(clone: Clone, draw: random.Random) -> str:
    """Makes one edit of a kind that people make; its name."""
    kind = draw.choice(["param"] * 4 + ["code", "comment", "table", "big", "stage", "picture"])
    if kind == "param":
        section, key = draw.choice(KEYS)
        lines = (clone.path / "params.yaml").read_text().splitlines(True)
        (i,) = (i for i, line in enumerate(lines) if line.startswith(f"  {key}:"))
        lines[i] = f"  {key}: {draw.choice([1, 2, 3])}" + lines[i][lines[i].index("  #") :]
        (clone.path / "params.yaml").write_text("".join(lines))
        return f"{section}.{key}"
    if kind in {"code", "comment"}:
        name = draw.choice([*STAGES, "lib/one", "lib/two"])
        path = clone.path / f"code/{name}.py"
        text = path.read_text()
        old, new = ("NUMBER = ", "NUMBER = 1") if kind == "code" else ("# The", "# All the")
        path.write_text(text.replace(old, new, 1))
        return f"{kind} {name}"
    if kind == "table":
        lines = (clone.path / "data/table.csv").read_text().splitlines()
        lines[draw.choice([2, 10, 17])] += "0"
        (clone.path / "data/table.csv").write_text("\n".join(lines) + "\n")
    elif kind == "big":
        (clone.path / "data/big.csv").write_text(f"{draw.choice([2, 3])}\n")
        clone.run("dvc", "add", "--quiet", "data/big.csv")
    elif kind == "stage":
        text = (clone.path / "dvc.yaml").read_text()
        if "  own:" not in text:
            before = draw.choice(["make", "split", "fit", "score", "draw"])
            own = stage("own", "draw", "draw", ["metrics.json"], ["models/own"], ["plots/own.csv"],
                        "plots")  # fmt: skip
            text = text.replace(f"  {before}:\n", f"{own}  {before}:\n", 1)
            (clone.path / "dvc.yaml").write_text(text)
    elif kind == "picture":
        text = (clone.path / "dvc.yaml").read_text()
        text = text.replace(",plots/b.png", "").replace(
            "    - plots/b.png:\n        cache: false\n", ""
        )
        (clone.path / "dvc.yaml").write_text(text)
        (clone.path / "plots/b.png").unlink(missing_ok=True)
    return kind


def make_branch(clone: Clone, name: str, draw: random.Random, run: bool = True) -> list[str]:
    """A branch from main with one to three edits and their results; the names of the edits."""
    clone.run("git", "checkout", "--quiet", "-b", name, "main")
    clone.run("dvc", "checkout", "--quiet")
    edits = [change(clone, draw) for _ in range(draw.choice([1, 1, 2, 3]))]
    if run:
        clone.run("dvc", "repro", "--quiet")
        clone.run("dvc", "push", "--quiet")
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--allow-empty", "--message", name)
    return edits


def copy_without_cache(clone: Clone, path: Path) -> Clone:
    """A clone as another person has it: all branches, no data."""
    clone.run("git", "clone", "--quiet", str(clone.path), str(path))
    other = Clone(path, OMP_NUM_THREADS="1")
    other.run("git", "config", "user.name", "B Person")
    other.run("git", "config", "user.email", "person@example.org")
    other.run("git", "branch", "--quiet", "theirs", "origin/theirs")
    return other


def clean_run(clone: Clone, path: Path) -> dict[str, bytes]:
    """The lock and the results in git that a run of all stages gives, without cache or lock."""
    shutil.copytree(clone.path, path, symlinks=True)
    copy = Clone(path, OMP_NUM_THREADS="1")
    copy.run("dvc", "pull", "--quiet", "data/big.csv.dvc")
    copy.run("dvc", "repro", "--force", "--quiet", "--no-run-cache")
    return results(copy)


def results(clone: Clone) -> dict[str, bytes]:
    files = ["dvc.lock", "metrics.json", *sorted(p.name for p in (clone.path / "plots").iterdir())]
    found = {name: clone.path / name for name in files[:2]}
    found |= {name: clone.path / "plots" / name for name in files[2:]}
    return {name: path.read_bytes() for name, path in found.items()}
