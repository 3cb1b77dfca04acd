"""A repository with repeated trainings as they may come out, made without a training."""

import json
from pathlib import Path

import yaml
from PIL import Image

from plumbline import validation
from plumbline.validation import Repeat
from tests.support.clone import Clone
from tests.support.exercise import GATE, ROOT

EVALUATE = """
  evaluate:
    cmd: python -m stages.evaluate
    metrics:
      - metrics.json: {cache: false}
"""
VALIDATE = """
  validate:
    cmd: python -m stages.validate
    params: [lr]
    plots:
      - plots/validation.csv: {cache: false}
      - plots/loss.png: {cache: false}
"""
BASE = [Repeat(i, 0.02, 0.01, 0.03, 0.09, 16) for i in range(20)]


def scale(*factors: float) -> list[Repeat]:
    """The base's rows with each error multiplied."""
    return [row._replace(mae=factor * 0.02) for row, factor in zip(BASE, factors, strict=True)]


BRANCHES = {
    "main": BASE,
    "better": scale(*[0.5] * 20),
    "worse": scale(*[1.5] * 20),
    "unclear": scale(*[0.8] * 11, *[1.2] * 9),
    "beyond": scale(*[4.0] * 20),
    "one-training": [],
}


def make_trainings(path: Path) -> Clone:
    """A new repository with these branches, which start from main, and two more.

    `stale` has another command than it ran, and `before` shares no commit with main.
    """
    clone = Clone(path, PYTHONPATH=str(ROOT))
    clone.init()
    clone.run("dvc", "init", "--quiet")
    (path / "gate.yaml").write_text(GATE)
    (path / "plots").mkdir()
    for gray, (name, rows) in enumerate(BRANCHES.items()):
        if rows is not BASE:
            clone.run("git", "checkout", "--quiet", "-b", name, "main")
        # Only one branch has another parameter, so that a merge conflicts in results alone.
        write_results(clone, rows, int(name == "better"), gray)
        clone.commit(name)
    clone.run("git", "checkout", "--quiet", "-b", "stale", "main")
    clone.edit("dvc.yaml", "stages.evaluate", "stages.evaluate x")
    clone.commit("stale")
    clone.run("git", "checkout", "--quiet", "--orphan", "before")
    clone.run("git", "rm", "-r", "--quiet", "--force", ".")
    clone.run("git", "commit", "--quiet", "--allow-empty", "--message", "before all this")
    clone.run("git", "checkout", "--quiet", "main")
    return clone


def write_results(clone: Clone, rows: list[Repeat], lr: int, gray: int) -> None:
    """Writes the rows and the metrics that they give, and a number for each other metric."""
    (clone.path / "dvc.yaml").write_text(f"stages:{EVALUATE}{VALIDATE if rows else ''}")
    (clone.path / "params.yaml").write_text(f"lr: {lr}\n")
    Image.new("L", (10, 10), gray).save(clone.path / "plots" / "loss.png")
    validation.save(clone.path / "plots" / "validation.csv", rows)
    metrics = dict.fromkeys(yaml.safe_load(GATE)["metrics"].keys() - {*validation.METRICS}, 0.5)
    text = json.dumps(metrics | validation.metrics(rows))
    (clone.path / "metrics.json").write_text(text)
    clone.run("dvc", "commit", "--force", "--quiet")
