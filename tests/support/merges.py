"""A small project whose branches differ at random, and what a merge of two of them must give."""

import random
import re
import shutil
from pathlib import Path

import yaml

from tests.support.branches import Make, edit
from tests.support.clone import Clone
from tests.support.exercise import ROOT

# Each stage writes a digest of all that it read, and of the scripts' own numbers.
SCRIPT = """\
\"\"\"A stage.\"\"\"
import hashlib, os, sys, yaml
from lib import one, two

NUMBER = 1


# The rest is the same in all stages.
name, key, reads, writes = sys.argv[1:]
if os.environ.get("FAIL") == name:
    sys.exit(f"{name}: no")
params = yaml.safe_load(open("params.yaml"))[key]
text = str([NUMBER, one.NUMBER, two.NUMBER, params])
text += open("versions.yaml").read() if key == "fit" else ""
text += "".join(open(path).read() for path in reads.split(",") if path)
for path in writes.split(","):
    with open(path, "w") as file:
        file.write(hashlib.sha256((path + text).encode()).hexdigest() + "\\n")
print("ran", name)
"""
PARAMS = """\
make:
  rows: 1      # how many
  seed: 1      # its seed
fit:
  lr: 1        # a rate
  epochs: 1    # how long
  rate: 1e-06  # a number that YAML 1.1 reads as text
draw:
  width: 1     # wide
  dpi: 1       # fine
"""


def stage(name: str, key: str, reads: str, cached: str, kept: str, script: str = "") -> str:
    """The text of an entry of dvc.yaml; kept: the outputs in git."""
    outs = [*cached.split(), *kept.split()]
    entry = {
        "cmd": f"python code/{script or name}.py {name} {key} {','.join(reads.split())}, "
        + ",".join(outs),
        "deps": [f"code/{script or name}.py", "code/lib", *reads.split()],
        "params": [key, *[{"versions.yaml": ["numpy", "torch"]}] * (key == "fit")],
        "outs": cached.split(),
        "plots": [{path: {"cache": False}} for path in kept.split()],
    }
    return "".join(f"  {line}\n" for line in yaml.safe_dump({name: entry}).splitlines()) + "\n"


STAGES = {
    "make": stage("make", "make", "data/table.csv data/big.csv", "data/all", ""),
    "split": stage("split", "make", "data/all", "data/left data/right", ""),
    "fit": stage("fit", "fit", "data/left", "models/model", "plots/history.csv"),
    "score": stage("score", "fit", "data/right models/model", "", "metrics.json"),
    "draw": stage("draw", "draw", "plots/history.csv", "", "plots/a.png plots/b.png"),
}


def own_stage(name: str, out: str) -> str:
    """The entry of a stage that a branch adds."""
    return stage(name, "draw", "metrics.json", f"models/{out}", f"plots/{out}.csv", "draw")


FILES = {
    **{f"code/{name}.py": SCRIPT for name in STAGES},
    **dict.fromkeys(("code/lib/one.py", "code/lib/two.py"), "NUMBER = 1\n\n\n\n# The end.\n"),
    "dvc.yaml": "stages:\n" + "".join(STAGES.values()),
    "params.yaml": PARAMS,
    "versions.yaml": 'numpy: "1"\ntorch: "1"\n',
    "data/table.csv": "".join(f"{i}\n" for i in range(20)),
    "data/big.csv": "1\n",
    ".dvcignore": "/code/lib/**\n!/code/lib/**/\n!/code/lib/**/*.py\n",
    ".gitignore": "__pycache__\n",
    ".gitattributes": (ROOT / ".gitattributes").read_text(),
    **dict.fromkeys(("models/.gitkeep", "plots/.gitkeep"), ""),
}


def make_project(path: Path) -> Clone:
    """A repository with a run of the small project, and a remote that has its data.

    Its branches `ours`, which is checked out, and `theirs` changed neighbouring lines.
    """
    clone = Clone(path, OMP_NUM_THREADS="1")
    clone.init()
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    clone.run("dvc", "init", "--quiet")
    clone.run("dvc", "config", "core.analytics", "false")
    clone.run("dvc", "remote", "add", "--quiet", "--default", "there", "../remote")
    clone.run("dvc", "add", "--quiet", "data/big.csv")
    clone.run("dvc", "repro", "--quiet")
    clone.run("dvc", "push", "--quiet")
    clone.commit("A run")
    params, versions = "params.yaml", "versions.yaml"
    make_pair(
        clone,
        [edit(params, "lr: 1 ", "lr: 2 "), edit(versions, 'numpy: "1"', 'numpy: "2"')],
        [edit(params, "epochs: 1 ", "epochs: 2 "), edit(versions, 'torch: "1"', 'torch: "2"')],
    )
    return clone


def change(clone: Clone, draw: random.Random) -> None:
    """Makes one edit of a kind that people make."""
    scripts = draw.sample(["lib/one", "lib/two", *STAGES], 2)
    tables = ["data/table.csv", "data/big.csv", "versions.yaml", *["params.yaml"] * 4]
    name = draw.choice(["stage", "picture", *tables, *(f"code/{name}.py" for name in scripts)])
    if name == "stage":
        own, before = draw.choice(["own", "mine"]), f"  {draw.choice([*STAGES])}:\n"
        if f"  {own}:" not in (clone.path / "dvc.yaml").read_text():
            clone.edit("dvc.yaml", before, own_stage(own, own) + before)
    elif name == "picture":
        if (clone.path / "plots/b.png").exists():
            drop_picture(clone)
    else:
        lines = (clone.path / name).read_text().splitlines(keepends=True)
        place = re.compile(r'(: "?|NUMBER = |^)\d|# The')
        i = draw.choice([i for i, line in enumerate(lines) if place.search(line)])
        new = re.sub(r"\d$", str(draw.choice([2, 3])), place.search(lines[i])[0])
        lines[i] = place.sub(new.replace("# The", "# All the"), lines[i])
        (clone.path / name).write_text("".join(lines))
        if name == "data/big.csv":
            clone.run("dvc", "add", "--quiet", name)


def drop_picture(clone: Clone) -> None:
    clone.edit("dvc.yaml", ",plots/b.png", "")
    clone.edit("dvc.yaml", "    - plots/b.png:\n        cache: false\n", "")
    (clone.path / "plots/b.png").unlink()


def make_pair(clone: Clone, ours: list[Make], theirs: list[Make]) -> None:
    """Two branches from main with these edits and their results; the remote has their data."""
    for name, edits in {"theirs": theirs, "ours": ours}.items():
        clone.run("git", "checkout", "--quiet", "-B", name, "main")
        clone.run("dvc", "checkout", "--quiet")
        for make in edits:
            make(clone)
        clone.run("dvc", "repro", "--quiet")
        clone.run("dvc", "push", "--quiet")
        clone.run("git", "add", "--all")
        clone.run("git", "commit", "--quiet", "--allow-empty", "--message", name)


def copy_without_cache(clone: Clone, path: Path) -> Clone:
    """A clone as another person has it: both branches, no data."""
    clone.run("git", "clone", "--quiet", str(clone.path), str(path))
    other = Clone(path, **clone.environment)
    other.init()
    other.run("git", "branch", "--quiet", "theirs", "origin/theirs")
    return other


def is_clean(clone: Clone) -> bool:
    """True if git has all results, and they are those of a run of all stages without a cache."""
    copy = Clone(clone.path.parent / "clean", **clone.environment)
    shutil.copytree(clone.path, copy.path, symlinks=True)
    copy.run("dvc", "pull", "--quiet", "data/big.csv.dvc")
    copy.run("dvc", "repro", "--force", "--quiet", "--no-run-cache")
    status = clone.run("git", "status", "--porcelain").splitlines()
    return all(line[1] == " " for line in status) and results(clone) == results(copy)


def results(clone: Clone) -> dict[str, bytes]:
    """What git has of the results, by name."""
    paths = [clone.path / "dvc.lock", clone.path / "metrics.json", *clone.path.glob("plots/*")]
    return {path.name: path.read_bytes() for path in paths}
