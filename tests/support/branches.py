"""Branches as people make them: with a run, without a run, or edited by hand."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from PIL import Image

from tests.support.clone import Clone

Make = Callable[[Clone], object]


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


def run_with(**changes: Any) -> Make:
    """Sets parameters, such as {"train.lr": 0.02}, and runs the stages."""

    def make(clone: Clone) -> None:
        clone.set_params(changes)
        clone.reproduce(*["plot"] * all(key.startswith("plot.") for key in changes))

    return make


def edit(name: str, old: str, new: str) -> Make:
    return lambda clone: clone.edit(name, old, new)


def delete(name: str) -> Make:
    return lambda clone: (clone.path / name).unlink()


def forge(clone: Clone) -> None:
    """Changes a metric and 1% of the pixels of a picture, and makes dvc.lock agree."""
    clone.run("dvc", "checkout", "--quiet")
    path = clone.path / "plots" / "loss.png"
    with Image.open(path) as image:
        image.paste("red", (0, 0, image.width // 10, image.height // 10))
        image.save(path)
    clone.edit(*BETTER_METRIC)
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


BETTER_METRIC = "metrics.json", '"test_mae": 0.00', '"test_mae": 0.000'
BRANCHES: dict[str, Make] = {
    # With a run: every error is smaller; some are; none changes.
    "better": run_with(**{"train.lr": 0.005, "train.epochs": 600}),
    "faster": run_with(**{"train.lr": 0.02}),
    "smaller": run_with(**{"plot.dpi": 90}),
    # Without one: a parameter, a stage's script, a comment, a command.
    "stale": lambda clone: clone.set_params({"train.lr": 0.02}),
    "script": edit("stages/train.py", "\n\n\n", "\n\n\nNUMBER = 1\n\n\n"),
    "comment": edit("stages/train.py", '"""Train', '# A comment.\n"""Train'),
    "command": edit("dvc.yaml", "stages.verify models", "stages.verify  models"),
    # Results edited by hand, and deleted.
    "metric": edit(*BETTER_METRIC),
    "no-picture": delete("plots/loss.png"),
    "no-lock": delete("dvc.lock"),
    "forged": forge,
    "contradicted": contradict,
    # Metrics without a rule in gate.yaml; a user's stage; a hook that git may run on checkout.
    "more": measure_more,
    "stage": add_stage,
    "hooked": add_hook,
}
