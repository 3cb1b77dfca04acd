"""Fail if dvc.lock, metrics.json or a picture is not what `dvc repro` would leave.

Usage: python -m tools.check [HEAD] [--full]
"""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from plumbline.pipeline.outputs import declared, hashes
from plumbline.review import arguments as command
from plumbline.review import cache, reproduction
from plumbline.review import diffs as answers
from plumbline.review.git import Clone, clone_of, commit, working_tree
from tools import gate


def problems(clone: Clone) -> list[str]:
    """A line for each reason why `dvc repro` would change the clone; none if it would not."""
    stages = clone.stages(clone.head, "dvc.yaml")
    lock = clone.stages(clone.head, "dvc.lock")
    if not stages:
        return ["dvc.yaml: wanted stages, got none"]
    outputs = declared(stages, "outs", "metrics", "plots")
    cached = {path for path, options in outputs.items() if options.get("cache", True)}
    found = [f"{name}: dvc.lock has no such stage" for name in stages if name not in lock]
    try:
        status = answers.status(clone)
    except ValueError as error:
        return [*found, str(error)]
    found += [
        f"{name}: {why}"
        for name, changes in status.items()
        if name in lock
        for change in changes
        for why in _reasons(change, cached)
    ]
    return found + list(contradictions(lock))


def contradictions(lock: dict[str, Any]) -> Iterator[str]:
    """Each stage that ran with another file than the lock says was made for it.

    DVC sees it only where the data is, which a fresh clone has not.
    """
    made = hashes(lock)
    for name, entry in lock.items():
        for dependency in entry.get("deps", []):
            path = dependency["path"]
            if path in made and dependency.get("md5") != made[path]:
                yield f"{name}: ran with another {path} than dvc.lock has"


def _reasons(change: str | dict[str, dict[str, Any]], absent: set[str]) -> Iterator[str]:
    """One entry of DVC's status in words, without what only says that a fresh clone has no data."""
    if isinstance(change, str):
        yield change
        return
    for kind in change.values():
        for path, state in kind.items():
            if isinstance(state, dict):
                yield from (f"{path}: {key} is {how}" for key, how in state.items())
            elif not (path in absent and state in {"deleted", "not in cache"}):
                yield f"{path} is {state}"


def main(arguments: Namespace) -> None:
    rules = gate.load()
    with clone_of(commit(arguments.head) if arguments.head else working_tree()) as clone:
        lock = clone.stages(clone.head, "dvc.lock")
        if lines := [*problems(clone), *cache.damaged(cache.path(), hashes(lock))]:
            command.fail("check: not what `dvc repro` would leave", lines)
        print("check: dvc.lock, metrics and pictures fit the parameters and the scripts")
        if not arguments.full:
            return
        differences = reproduction.reproduce(clone, rules)
    if not all(difference.within for difference in differences):
        command.fail("check: a run from nothing gives something else", map(str, differences))
    same = "the same within the tolerances" if differences else "the same bytes"
    print(f"check: a run from nothing gives {same}")
    for difference in differences:
        print(f"  {command.printable(str(difference))}")


if __name__ == "__main__":
    options = command.parser(__doc__)
    options.add_argument("head", nargs="?", help="the revision to check; else the working tree")
    options.add_argument("--full", action="store_true", help="run the pipeline anew and compare")
    command.run(main, options)
