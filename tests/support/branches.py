"""Branches as people make them: with a run, without a run, or edited by hand."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from PIL import Image

from tests.support.clone import Clone


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
    """Sets parameters, such as {"train.lr": 0.02}, and runs the stages."""

    def make(clone: Clone) -> None:
        clone.set_params(changes)
        clone.reproduce(*["plot"] * all(key.startswith("plot.") for key in changes))

    return make


def edit(name: str, old: str, new: str) -> Callable[[Clone], None]:
    return lambda clone: clone.edit(name, old, new)


def paint(clone: Clone) -> None:
    """Changes 1% of the pixels of a picture."""
    path = clone.path / "plots" / "loss.png"
    with Image.open(path) as image:
        image.paste("red", (0, 0, image.width // 10, image.height // 10))
        image.save(path)


def repack(clone: Clone) -> None:
    """Changes the bytes of a picture, but no pixel."""
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
    """Adds an ordinary metric, and a NaN under a hostile name."""
    path = clone.path / "metrics.json"
    metrics = {**json.loads(path.read_text()), "r2": 0.99, "`|<b>@all": float("nan")}
    path.write_text(json.dumps(metrics))


def add_stage(clone: Clone) -> None:
    command = "python -c \"open('models/note', 'w').close()\""
    add = ("dvc", "stage", "add", "--quiet", "--run", "--name", "note")
    clone.run(*add, "--deps", "metrics.json", "--outs", "models/note", command)


def add_hook(clone: Clone) -> None:
    """Adds a hook to .githooks that creates the file `hook-ran` and fails."""
    hook = clone.path / ".githooks" / "post-checkout"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch '{clone.path.parent / 'hook-ran'}'\nexit 1\n")
    hook.chmod(0o755)


def contradict(clone: Clone) -> None:
    """Gives an output of split another hash in dvc.lock, as a merge of two branches might."""
    path = clone.path / "dvc.lock"
    lock = yaml.safe_load(path.read_text())
    lock["stages"]["split"]["outs"][0]["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(lock, sort_keys=False))


BRANCHES: dict[str, Callable[[Clone], None]] = {
    # Every error is smaller.
    "better": run_with(**{"train.lr": 0.005, "train.epochs": 600}),
    # The README's example: some errors are smaller, some larger.
    "faster": run_with(**{"train.lr": 0.02}),
    # The same numbers in smaller pictures.
    "smaller": run_with(**{"plot.dpi": 90}),
    # A parameter changed without `dvc repro`.
    "stale": lambda clone: clone.set_params({"train.lr": 0.02}),
    # A stage's script changed without `dvc repro`.
    "script": edit("stages/train.py", "\n\n\n", "\n\n\nNUMBER = 1\n\n\n"),
    # A script in a folder that stages share changed without `dvc repro`.
    "module": edit("stages/loop.py", "\n\n\n", "\n\n\nNUMBER = 1\n\n\n"),
    # A comment added without `dvc repro`.
    "comment": edit("stages/train.py", '"""Train', '# A comment.\n"""Train'),
    # A command changed without `dvc repro`.
    "command": edit("dvc.yaml", "stages.verify models", "stages.verify  models"),
    # A metric edited by hand.
    "metric": edit("metrics.json", '"test_mae": 0.00', '"test_mae": 0.000'),
    # The pixels of a picture edited by hand.
    "picture": paint,
    # The bytes of a picture changed, but no pixel.
    "repacked": repack,
    # A picture deleted.
    "no-picture": lambda clone: (clone.path / "plots" / "loss.png").unlink(),
    # The lock deleted.
    "no-lock": lambda clone: (clone.path / "dvc.lock").unlink(),
    # The lock changed to agree with edited results.
    "forged": forge,
    # Two locks merged into one that contradicts itself.
    "contradicted": contradict,
    # Metrics without a rule in gate.yaml.
    "more": measure_more,
    # A stage added by the user.
    "stage": add_stage,
    # A hook that git may run on checkout.
    "hooked": add_hook,
}
