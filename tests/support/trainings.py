"""A repository with repeated trainings as they may come out, made without a training."""

import json
from pathlib import Path

import yaml

from plumbline import validation
from plumbline.validation import Repeat
from tests.support.clone import Clone
from tests.support.exercise import GATE

DVC_YAML = """\
stages:
  validate:
    cmd: python -m stages.validate
    plots:
      - plots/validation.csv: {cache: false}
  evaluate:
    cmd: python -m stages.evaluate
    metrics:
      - metrics.json: {cache: false}
"""

BASE = [Repeat(i, 0.02, 0.01, 0.03, 0.09, 16) for i in range(20)]


def scale(*factors: float) -> list[Repeat]:
    """The base's rows with each error multiplied."""
    return [row._replace(mae=factor * 0.02) for row, factor in zip(BASE, factors, strict=True)]


BRANCHES = {
    "better": scale(*[0.5] * 20),
    "worse": scale(*[1.5] * 20),
    "unclear": scale(*[0.8] * 11, *[1.2] * 9),
    "beyond": scale(*[4.0] * 20),
    "one-training": None,
}


def make_trainings(path: Path) -> Clone:
    """A new repository whose branch main has BASE; each other branch has its own rows."""
    clone = Clone(path)
    clone.init()
    clone.run("dvc", "init", "--quiet")
    (path / "dvc.yaml").write_text(DVC_YAML)
    (path / "gate.yaml").write_text(GATE)
    write_rows(clone, BASE)
    clone.commit("base")
    for name, rows in BRANCHES.items():
        clone.run("git", "checkout", "--quiet", "-b", name, "main")
        write_rows(clone, rows)
        clone.commit(name)
    clone.run("git", "checkout", "--quiet", "main")
    return clone


def write_rows(clone: Clone, rows: list[Repeat] | None) -> None:
    """Writes the rows and the metrics that they give, and a number for each other metric."""
    path = clone.path / "plots" / "validation.csv"
    if rows is None:
        path.unlink()
        text = DVC_YAML[DVC_YAML.index("  evaluate") :]
        (clone.path / "dvc.yaml").write_text(f"stages:\n{text}")
        (clone.path / "dvc.lock").unlink()
    else:
        validation.save(path, rows)
    metrics = dict.fromkeys(yaml.safe_load(GATE)["metrics"], 0.5)
    for name in validation.METRICS:
        del metrics[name]
    metrics |= validation.metrics(rows or [])
    (clone.path / "metrics.json").write_text(json.dumps(metrics))
    clone.run("dvc", "commit", "--force", "--quiet")
