"""A small project in a subfolder of a repository; its branches differ in their validation.

Its one stage copies its results from the folder `source`, so a test can choose them.
"""

import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from plumbline import validation
from plumbline.validation import Repeat
from tests.support.clone import Clone

SCRIPT = """\
import shutil
shutil.copy('data/table', 'model')
for name in ('metrics.json', 'validation.csv', 'a.png'):
    shutil.copy(f'source/{name}', name)
"""
STAGE = {
    "cmd": "python code/make.py",
    "deps": ["code", "data/table", "source"],
    "params": ["lr"],
    "outs": ["model"],
    "metrics": [{"metrics.json": {"cache": False}}],
    "plots": [{"validation.csv": {"cache": False}}, {"a.png": {"cache": False}}],
}
GATE = """\
metrics:
  validation_mae: {better: lower, tolerance: 1e-6, limit: 0.05, decides: true}
  error: {better: lower, tolerance: 0.01}
pictures:
  tolerance: 0.01
"""
FILES = {
    "code/make.py": SCRIPT,
    "data/table": "1\n",
    "params.yaml": "lr: 1\n",
    "versions.yaml": 'numpy: "1"\n',
    "dvc.yaml": yaml.safe_dump({"stages": {"make": STAGE}}),
    "gate.yaml": GATE,
    "../.gitignore": "/site\n__pycache__\n",
    ".dvc/config": "[core]\n    analytics = false\n",
    ".dvc/.gitignore": "/cache\n/tmp\n",
}
BASE = [Repeat(i, 0.02, 0.01, 0.03, 0.09, 16) for i in range(20)]


def scale(*factors: float) -> list[Repeat]:
    """BASE with the MAE of each repeat multiplied by its factor."""
    return [row._replace(mae=factor * 0.02) for row, factor in zip(BASE, factors, strict=True)]


BRANCHES = {
    "main": BASE,
    "better": scale(*[0.5] * 20),
    "unclear": scale(*[0.8] * 11, *[1.2] * 9),
    "beyond": scale(*[4.0] * 20),
}


def make_small(path: Path) -> None:
    """Makes the project with its results and its branches; `dvc add` tracks its table.

    `better` also changes a parameter, `stale` only a command; `before` is an empty root commit.
    """
    clone = Clone(path)
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    write_results(path / "source", BASE)
    clone.init("..")
    clone.run("dvc", "add", "--quiet", "data/table")
    clone.run("dvc", "repro", "--quiet")
    clone.run("git", "add", "--all", "..")
    for gray, (name, rows) in enumerate(BRANCHES.items()):
        if name != "main":
            clone.run("git", "checkout", "--quiet", "-b", name, "main")
            write_results(path, rows, gray)
        if name == "better":
            clone.edit("params.yaml", "1", "2")
        clone.run("dvc", "commit", "--force", "--quiet")
        clone.commit(name)
    clone.run("git", "checkout", "--quiet", "-b", "stale", "main")
    clone.edit("dvc.yaml", "python code", "python  code")
    clone.commit("stale")
    clone.run("git", "checkout", "--quiet", "main")
    nothing = clone.run("git", "hash-object", "-t", "tree", "-w", "/dev/null").strip()
    before = clone.run("git", "commit-tree", "-m", "before", nothing).strip()
    clone.run("git", "branch", "before", before)


def write_results(folder: Path, rows: list[Repeat] = BASE, gray: int = 0, **metrics: Any) -> None:
    """Writes the files that the stage copies; gate.yaml has no rule for the metric `own`."""
    validation.save(folder / "validation.csv", rows)
    Image.new("L", (10, 10), gray).save(folder / "a.png")
    found = {"device": "cpu", "error": 1.0, "own": 2.0, **validation.metrics(rows), **metrics}
    (folder / "metrics.json").write_text(json.dumps(found))
