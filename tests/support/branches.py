"""Branches of the exercise with different training parameters and their results."""

from collections.abc import Callable

from tests.support.clone import Clone

Make = Callable[[Clone], object]

BRANCHES = {
    "better": {"train.lr": 0.005, "train.epochs": 600},
    "faster": {"train.lr": 0.02},
}


def make_branches(clone: Clone) -> None:
    """Adds the branches to a clone with the exercise's results; each starts from main."""
    for name, changes in BRANCHES.items():
        clone.run("git", "checkout", "--quiet", "-b", name, "main")
        clone.set_params(changes)
        clone.reproduce()
        clone.commit(name)
    clone.run("git", "checkout", "--quiet", "main")
    clone.run("dvc", "checkout", "--quiet")


def edit(name: str, old: str, new: str) -> Make:
    return lambda clone: clone.edit(name, old, new)
