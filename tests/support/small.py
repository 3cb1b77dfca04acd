"""A small project in a folder of a repository, whose code is a link to another folder."""

import json
from pathlib import Path

import yaml

from tests.support.clone import Clone

# What its one stage writes; `own` has no rule.
RUN = {"device": "cpu", "error": 1.0, "own": 2.0}
SCRIPT = f"""\
from PIL import Image
open('model', 'w').write(open('data/table').read())
open('metrics.json', 'w').write('{json.dumps(RUN)}')
Image.new('L', (10, 10)).save('a.png')
"""
STAGE = {
    "cmd": "python code/make.py",
    "deps": ["code", "data/table"],
    "params": ["lr"],
    "outs": ["model"],
    "metrics": [{"metrics.json": {"cache": False}}],
    "plots": [{"a.png": {"cache": False}}],
}
GATE = {
    "metrics": {"error": {"better": "lower", "tolerance": 0.01, "decides": True}},
    "pictures": {"tolerance": 0.01},
}
FILES = {
    "../code/make.py": SCRIPT,
    "data/table": "1\n",
    "params.yaml": "lr: 1\n",
    "dvc.yaml": yaml.safe_dump({"stages": {"make": STAGE}}),
    "gate.yaml": yaml.safe_dump(GATE),
    ".dvc/config": "[core]\n    analytics = false\n",
    ".dvc/.gitignore": "/cache\n/tmp\n",
}


def make_small(path: Path) -> Clone:
    """The project after a run, with its table tracked by `dvc add`; `path` is its folder."""
    clone = Clone(path)
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    (path / "code").symlink_to("../code")
    clone.init("..")
    clone.run("dvc", "add", "--quiet", "data/table")
    clone.run("dvc", "repro", "--quiet")
    clone.run("git", "add", "--all", "..")
    clone.commit("A run")
    return clone
