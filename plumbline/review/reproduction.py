"""Whether committed results are those of a run: found without one, and with one."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dvc.repo import Repo

from plumbline.core.errors import UserError
from plumbline.lint.declared import entries
from plumbline.review import diffs, lock
from plumbline.review.comments import commented
from plumbline.review.diffs import metrics_diff_after_run
from plumbline.review.gate import Rules, is_number, other_device
from plumbline.review.git import Checkout
from plumbline.review.lock import output_hashes
from plumbline.review.page import differing_share

ACCEPT = ": make accept"


def problems(checkout: Checkout) -> list[str]:
    """A line for each reason why `dvc repro` would change the checkout; none if it would not."""
    stages = checkout.stages("dvc.yaml", checkout.head)
    locked = lock.load(checkout, checkout.head)
    if not stages:
        return ["dvc.yaml: wanted stages, got none"]
    outputs = entries(stages, "outs", "metrics", "plots")
    cached = {path for path, options in outputs.items() if options.get("cache", True)}
    found = [f"{name}: dvc.lock has no such stage" for name in stages if name not in locked]
    try:
        status = diffs.status(checkout)
    except UserError as error:
        return [*found, str(error)]
    edits = commented(checkout, locked)
    found += [
        f"{name}: {reason}"
        for name, changes in status.items()
        if name in locked
        for deps in [{dep["path"]: dep.get("md5", "") for dep in locked[name].get("deps", [])}]
        for comments in [{path: edits.get((path, md5), []) for path, md5 in deps.items()}]
        for change in changes
        for reason in _reasons(checkout, change, cached, comments)
    ]
    return found + list(lock.contradictions(locked))


def cache_folder() -> Path:
    """The cache of the repository that the process runs in."""
    with Repo(".", uninitialized=True) as repo:
        return Path(repo.cache.local.path)


def damaged_objects(cache: Path, hashes: dict[str, str]) -> Iterator[str]:
    """A line for each object of the cache that does not have its hash, with the cure.

    DVC trusts an object as long as its file is read-only. hashes: of each output, by its path.
    """
    for output, md5 in sorted(hashes.items()):
        stored = cache / md5[:2] / md5[2:]
        if md5 and stored.is_file():
            with stored.open("rb") as file:
                if hashlib.file_digest(file, "md5").hexdigest() != md5:
                    yield f"{output}: damaged in the cache; delete it and {stored}, then dvc repro"


def _reasons(
    checkout: Checkout,
    change: str | dict[str, dict[str, Any]],
    cached: set[str],
    comments: dict[str, list[str]],
) -> Iterator[str]:
    """One entry of DVC's status in words, but for the data that a fresh clone does not have.

    comments: the scripts of which only comments changed, by dependency.
    """
    if isinstance(change, str):
        yield change
        return
    for kind in change.values():
        for path, state in kind.items():
            if isinstance(state, dict):
                yield from (f"{path}: {key} is {how}" for key, how in state.items())
            elif comments.get(path):
                yield f"only comments changed in {', '.join(comments[path])}{ACCEPT}"
            elif not (path in cached and state in {"deleted", "not in cache"}):
                how = "not in the commit; git add it" if state == "deleted" else state
                yield from (f"{file} is {how}" for file in _changed_files(checkout, path))


def _changed_files(checkout: Checkout, path: str) -> list[str]:
    """The scripts in a folder that changed since dvc.lock was committed; else the path itself."""
    if not (checkout.path / path).is_dir():
        return [path]
    head = checkout.head or "HEAD"
    since = checkout.git("log", "-1", "--format=%H", head, "--", "dvc.lock")
    return checkout.changed(since.decode().strip(), checkout.head, path) or [path]


class Difference(NamedTuple):
    """A result that the run gave otherwise: how, and whether that is within the tolerances."""

    what: str
    how: str
    within: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


def reproduce(checkout: Checkout, rules: Rules) -> list[Difference]:
    """Runs every stage in the checkout; the result is empty if all bytes are the same.

    Other bytes of an output that is no metric and no picture are no failure: the metrics and the
    pictures that are made from it tell how far it is off. Where another kind of device trained,
    a metric without a tolerance is shown, and no failure either.
    """
    committed = output_hashes(checkout.stages("dvc.lock", checkout.head))
    try:
        checkout.dvc("repro", "--force", "--quiet")
    except UserError as error:
        return [Difference("dvc repro failed", str(error), within=False)]
    again = output_hashes(checkout.stages("dvc.lock"))
    metrics = entries(checkout.stages("dvc.yaml", checkout.head), "metrics")
    found: list[Difference] = []
    for path in sorted(path for path in again if committed.get(path) != again[path]):
        kept = checkout.read(checkout.head, path)
        if path in metrics:
            found += _differing_metrics(checkout, rules, path)
        elif kept is None or not path.endswith(".png"):
            found.append(Difference(path, "other bytes", within=True))
        else:
            share = differing_share(kept, (checkout.path / path).read_bytes())
            how = f"{share:.3%} of the pixels differ"
            found.append(Difference(path, how, share <= rules.pictures.tolerance))
    return found


def _differing_metrics(checkout: Checkout, rules: Rules, path: str) -> list[Difference]:
    """The metrics in the file that differ; the file itself if only its layout does."""
    changes = metrics_diff_after_run(checkout, path)
    device = other_device(changes)
    found = []
    for name, old, new in changes:
        how, within = f"{old} -> {new}", False
        if device and name == device.name:
            how, within = f"trained on {old}, this run on {new}", True
        elif is_number(old) and is_number(new):
            metric = rules.metrics.get(name)
            how += f", by {abs(new - old):.3g}"
            within = abs(new - old) <= metric.tolerance if metric else device is not None
        found.append(Difference(f"{path}: {name}", how, within))
    return found or [Difference(path, "other bytes, the same numbers", within=False)]
