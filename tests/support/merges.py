"""A small project with random edits on its branches, and a check of a merge's results."""

import random
import re
import shutil
from contextlib import suppress
from pathlib import Path

import yaml

from tests.support.branches import Make, edit
from tests.support.clone import Clone
from tests.support.exercise import ROOT

# Each stage writes a digest of everything that it reads, and of the numbers in the scripts.
SCRIPT = """\
import hashlib, os, sys, yaml
from lib import one, two
NUMBER = 1


# The rest is the same in all stages.
name, key, reads, writes = sys.argv[1:]
if os.environ.get("FAIL") == name:
    sys.exit(f"{name}: no")
text = str([NUMBER, one.NUMBER, two.NUMBER, yaml.safe_load(open("params.yaml"))[key]])
text += open("versions.yaml").read() if key == "fit" else ""
text += "".join(open(path).read() for path in reads.split(","))
for path in writes.split(","):
    with open(path, "w") as file:
        file.write(hashlib.sha256((path + text).encode()).hexdigest() + "\\n")
print("ran", name)
"""


def stage(name: str, key: str, reads: str, cached: str, kept: str, script: str = "") -> str:
    """The text of an entry of dvc.yaml; cached: the outputs in DVC's cache; kept: those in git."""
    script, outs = f"code/{script or name}.py", [*cached.split(), *kept.split()]
    entry = {
        "cmd": f"python {script} {name} {key} {','.join(reads.split())} {','.join(outs)}",
        "deps": [script, "code/lib", *reads.split()],
        "params": [key, *[{"versions.yaml": ["numpy", "torch"]}] * (key == "fit")],
        "outs": cached.split(),
        "plots": [{path: {"cache": False}} for path in kept.split()],
    }
    return "".join(f"  {line}\n" for line in yaml.safe_dump({name: entry}).splitlines()) + "\n"


STAGES = {
    "make": stage("make", "make", "data/table.csv data/big.csv", "data/left data/right", ""),
    "fit": stage("fit", "fit", "data/left", "models/model", "plots/history.csv"),
    "score": stage("score", "fit", "data/right models/model", "", "metrics.json"),
    "draw": stage("draw", "draw", "plots/history.csv", "", "plots/a.png plots/b.png"),
}
FILES = {
    **{f"code/{name}.py": SCRIPT for name in STAGES},
    **dict.fromkeys(("code/lib/one.py", "code/lib/two.py"), "NUMBER = 1\n\n\n\n# The end.\n"),
    "dvc.yaml": "stages:\n  # own\n" + "  # mine\n".join(STAGES.values()),
    # YAML 1.1 reads the value of `rate` as text.
    "params.yaml": "make:\n  rows: 1\n  seed: 1\nfit:\n  lr: 1\n  epochs: 1\n  rate: 1e-06\n"
    "draw:\n  dpi: 1\n",
    "versions.yaml": 'numpy: "1"\ntorch: "1"\n',
    "data/table.csv": "".join(f"{i}\n" for i in range(20)),
    "data/big.csv": "1\n",
    ".dvcignore": "/code/lib/**\n!/code/lib/**/\n!/code/lib/**/*.py\n",
    ".gitignore": "__pycache__\n",
    ".gitattributes": (ROOT / ".gitattributes").read_text(),
    **dict.fromkeys(("models/.gitkeep", "plots/.gitkeep"), ""),
}


def make_project(path: Path) -> Clone:
    """A repository with the small project and its results, and a DVC remote with its data.

    The branches `theirs` and `ours` change neighbouring lines; `ours` is checked out.
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
    run(clone, "main")
    ours = [edit("params.yaml", "lr: 1", "lr: 2"), edit("versions.yaml", 'numpy: "1', 'numpy: "2')]
    theirs = [
        edit("params.yaml", "epochs: 1", "epochs: 2"),
        edit("versions.yaml", 'h: "1', 'h: "2'),
    ]
    make_pair(clone, ours, theirs)
    return clone


def make_pair(clone: Clone, ours: list[Make], theirs: list[Make]) -> None:
    """Makes the branches `theirs` and `ours` from main, with these edits and their results."""
    for name, edits in {"theirs": theirs, "ours": ours}.items():
        clone.run("git", "checkout", "--quiet", "-B", name, "main")
        clone.run("dvc", "checkout", "--quiet")
        for make in edits:
            make(clone)
        run(clone, name)


def run(clone: Clone, message: str) -> None:
    """Runs the stages, pushes the data to the remote, and commits."""
    clone.run("dvc", "repro", "--quiet")
    clone.run("dvc", "push", "--quiet")
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--allow-empty", "--message", message)


def change(clone: Clone, draw: random.Random) -> None:
    """Makes one random edit, such as a person might make; none if it was already made."""
    scripts = draw.sample(["lib/one", "lib/two", *STAGES], 2)
    tables = ["data/table.csv", "data/big.csv", "versions.yaml", *["params.yaml"] * 4]
    name = draw.choice(["own", "mine", "-", *tables, *(f"code/{name}.py" for name in scripts)])
    with suppress(AssertionError):
        if name in ("own", "mine"):
            made = stage(name, "draw", "metrics.json", f"models/{name}", f"plots/{name}", "draw")
            clone.edit("dvc.yaml", f"  # {name}\n", made)
        elif name == "-":
            drop_picture(clone)
        else:
            text = (clone.path / name).read_text()
            place = draw.choice([*re.finditer(r'(?m)(?:: "?|NUMBER = |^)(\d)|# (The)', text)])
            start, end = place.span(place.lastindex)
            new = draw.choice("23") if place[1] else "All the"
            (clone.path / name).write_text(text[:start] + new + text[end:])
    if name == "data/big.csv":
        clone.run("dvc", "add", "--quiet", name)


def drop_picture(clone: Clone) -> None:
    clone.edit("dvc.yaml", ",plots/b.png", "")
    clone.edit("dvc.yaml", "    - plots/b.png:\n        cache: false\n", "")
    (clone.path / "plots/b.png").unlink()


def is_clean(clone: Clone) -> bool:
    """True if git has all results, and a forced run of all stages gives the same ones."""
    copy = Clone(clone.path.parent / "clean", **clone.environment)
    shutil.copytree(clone.path, copy.path, symlinks=True)
    copy.run("dvc", "pull", "--quiet", "data/big.csv.dvc")
    copy.run("dvc", "repro", "--force", "--quiet", "--no-run-cache")
    made = [copy.path / "dvc.lock", copy.path / "metrics.json", *copy.path.glob("plots/*")]
    texts = {path.relative_to(copy.path): path.read_bytes() for path in made}
    added = all(line[1] == " " for line in clone.run("git", "status", "--short").splitlines())
    return added and all((clone.path / path).read_bytes() == texts[path] for path in texts)
