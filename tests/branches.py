"""Branches as people make them: after a run, without one, and by hand."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from PIL import Image

from tests.clone import Clone


def make_branches(clone: Clone) -> None:
    """Adds branches to a clone that has the exercise's results; each starts from main."""
    for name, make in BRANCHES.items():
        clone.run("git", "checkout", "--quiet", "-b", name, "main")
        make(clone)
        clone.commit(name)
    clone.run("git", "checkout", "--quiet", "--orphan", "before")
    clone.run("git", "rm", "-r", "--quiet", "--force", ".")
    clone.run("git", "commit", "--quiet", "--allow-empty", "--message", "before all this")
    clone.run("git", "checkout", "--quiet", "main")
    clone.run("dvc", "checkout", "--quiet")


def run_with(**changes: Any) -> Callable[[Clone], None]:
    """Sets parameters, such as {"train.lr": 0.02}, and runs what they change."""

    def make(clone: Clone) -> None:
        clone.set_params(changes)
        clone.run("dvc", "repro", "--quiet")

    return make


def edit(name: str, old: str, new: str) -> Callable[[Clone], None]:
    return lambda clone: clone.edit(name, old, new)


def paint(clone: Clone) -> None:
    """Changes one pixel in a hundred of a picture."""
    path = clone.path / "plots" / "loss.png"
    with Image.open(path) as image:
        image.paste("red", (0, 0, image.width // 10, image.height // 10))
        image.save(path)


def repack(clone: Clone) -> None:
    """Changes the bytes of a picture and no pixel."""
    path = clone.path / "plots" / "loss.png"
    with Image.open(path) as image:
        image.save(path, compress_level=1)


def forge(clone: Clone) -> None:
    """Changes a metric and a picture, and makes dvc.lock agree."""
    clone.run("dvc", "checkout", "--quiet")
    paint(clone)
    clone.edit("metrics.json", '"test_mae": 0.00', '"test_mae": 0.000')
    clone.run("dvc", "commit", "--force", "--quiet")


def measure_more(clone: Clone) -> None:
    """Adds metrics, one of which is no finite number and all of whose names are hostile."""
    path = clone.path / "metrics.json"
    metrics = {**json.loads(path.read_text()), "r2": 0.99, "`|<b>@all": float("nan")}
    path.write_text(json.dumps(metrics))


def add_stage(clone: Clone) -> None:
    command = "python -c \"open('models/note', 'w').close()\""
    add = ("dvc", "stage", "add", "--quiet", "--run", "--name", "note")
    clone.run(*add, "--deps", "metrics.json", "--outs", "models/note", command)


def contradict(clone: Clone) -> None:
    """Lets dvc.lock say that split made something else, as a merge of two branches may."""
    path = clone.path / "dvc.lock"
    lock = yaml.safe_load(path.read_text())
    lock["stages"]["split"]["outs"][0]["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(lock, sort_keys=False))


BRANCHES: dict[str, Callable[[Clone], None]] = {
    "better": run_with(**{"train.lr": 0.005, "train.epochs": 600}),
    "faster": run_with(**{"train.lr": 0.02}),
    # Not 150: git may take a file of the same size, written in the same tick, for the same.
    "worse": run_with(**{"train.epochs": 50}),
    "smaller": run_with(**{"plot.dpi": 90}),
    "stale": lambda clone: clone.set_params({"train.lr": 0.02}),
    "script": edit("stages/train.py", '"""Train', '# A comment.\n"""Train'),
    "command": edit("dvc.yaml", "stages.verify models", "stages.verify  models"),
    "metric": edit("metrics.json", '"test_mae": 0.00', '"test_mae": 0.000'),
    "picture": paint,
    "repacked": repack,
    "no-picture": lambda clone: (clone.path / "plots" / "loss.png").unlink(),
    "no-lock": lambda clone: (clone.path / "dvc.lock").unlink(),
    "forged": forge,
    "more": measure_more,
    "stage": add_stage,
    "contradicted": contradict,
}
