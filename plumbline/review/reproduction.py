"""Checks that a run produced the committed results: compares hashes, or runs all stages again."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from plumbline.core.command import number
from plumbline.core.errors import UserError
from plumbline.lint.declared import entries, scripts
from plumbline.review import dvc_repo, lock
from plumbline.review.comments import comment_edits
from plumbline.review.gate import DEVICE, Rules
from plumbline.review.git import Checkout, clean_environment, standard_output
from plumbline.review.measured import compare_values, has_changed, is_number, read_values
from plumbline.review.page import differing_fraction

COMMENTS, ACCEPT, ADD = "only comments changed in", ": make accept", "; git add it"
NOT_RUN = "stages have not run since these changes"


class Difference(NamedTuple):
    """A result that differs after a clean run: how, and whether the tolerances allow that."""

    what: str
    how: str
    within: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


def outcome(differences: list[Difference]) -> str:
    """A phrase that says whether a clean run gives the same results."""
    if not all(difference.within for difference in differences):
        return "a clean run gives different results"
    return f"a clean run gives the same {'results within tolerance' if differences else 'bytes'}"


def problems(checkout: Checkout) -> list[str]:
    """A line for each reason why `dvc repro` would change the checkout, even without its data."""
    stages = checkout.stages("dvc.yaml", checkout.head)
    locked = lock.load(checkout, checkout.head)
    if not stages:
        return ["dvc.yaml: wanted stages, got none"]
    found = [f"{name}: dvc.lock has no such stage" for name in stages if name not in locked]
    for path in entries(stages, "deps"):
        if (file := checkout.path / path).is_symlink() and not file.exists():
            return [*found, f"{path}: a link to {file.readlink()}, which is not in the commit"]
    try:
        found += _changes(checkout, stages, locked)
    except UserError as error:
        found.append(str(error))
    return found + list(lock.contradictions(locked))


def _changes(checkout: Checkout, stages: dict[str, Any], locked: dict[str, Any]) -> Iterator[str]:
    """A line for each change in DVC's status. Missing data is left out: a fresh clone has none."""
    status, edits = dvc_repo.status(checkout), comment_edits(checkout, locked)
    tracked = dvc_repo.tracked_hashes(checkout, entries(stages, "deps"))
    outputs = entries(stages, "outs", "metrics", "plots")
    cached = {path for path, options in outputs.items() if options.get("cache", True)}
    for names in dict.fromkeys(edits.values()):
        yield f"{', '.join(n for n in edits if edits[n] == names)}: {COMMENTS} {names}{ACCEPT}"

    def words(path: str, md5: str, state: str | dict[str, str]) -> list[str]:
        """The lines for one path. md5: of the file that the stage read; empty for an output."""
        fits = path in cached or (path in tracked and tracked[path] in ("", md5))
        if isinstance(state, dict):
            return [f"{path}: {key} is {how}" for key, how in state.items()]
        if fits and state in {"deleted", "not in cache"}:
            return []
        how = _in_words(checkout, path, state, path in outputs, path in tracked)
        return [f"{file} is {how}" for file in _changed_files(checkout, path)]

    for name, entry in locked.items():
        hashes = lock.input_hashes(entry)
        for change in status.get(name, []):
            if isinstance(change, str):
                yield f"{name}: {change}"
                continue
            for path, state in [item for kind in change.values() for item in kind.items()]:
                if name in edits and scripts(checkout.path, path):
                    continue
                lines = words(path, hashes.get(path, ""), state)
                yield from (f"{name}: {line}" for line in lines)


def _in_words(checkout: Checkout, path: str, state: str, made: bool, tracked: bool) -> str:
    """DVC's state of a file in plain words. made: by a stage; tracked: by `dvc add`."""
    if state != "deleted":
        return state
    if tracked:
        return "modified"
    if checkout.is_working and Path(path).exists():
        return f"not in the commit{ADD}"
    return "missing; dvc repro makes it" if made else "missing"


def _changed_files(checkout: Checkout, path: str) -> list[str]:
    """The files that changed in a folder since dvc.lock was committed; if none did, the path."""
    if not (checkout.path / path).is_dir():
        return [path]
    head = checkout.head or "HEAD"
    since = checkout.git("log", "-1", "--format=%H", head, "--", "dvc.lock")
    return changed_files(checkout, since.decode().strip(), checkout.head, path) or [path]


def changed_files(checkout: Checkout, old: str, new: str, *paths: str) -> list[str]:
    """The files that differ between two commits, only those at or below `paths`; follows links.

    new: a commit, or empty for the working folder.
    """
    places = [(checkout.path / path).resolve() for path in paths]
    inside = [str(place) for place in places if place.is_relative_to(checkout.root)]
    if not inside:
        return []
    commits = filter(None, (old, new))
    names = os.fsdecode(checkout.git("diff", "--name-only", "-z", *commits, "--", *inside))
    return [
        Path(os.path.relpath(checkout.root / name, checkout.path)).as_posix()
        for name in names.split("\0")[:-1]
    ]


def reproduce(checkout: Checkout, rules: Rules) -> list[Difference]:
    """Runs every stage in the checkout; returns an empty list if all bytes are the same.

    Only metrics and pictures can be beyond their tolerances; other files are only listed. If the
    committed metrics are from another kind of device, those without a tolerance are only listed.
    """
    committed = lock.output_hashes(checkout.stages("dvc.lock", checkout.head))
    stages = checkout.stages("dvc.yaml", checkout.head)
    try:
        if paths := [*dvc_repo.tracked_hashes(checkout, entries(stages, "deps"))]:
            dvc_repo.pull(checkout, paths)
        _dvc(checkout, "repro", "--force", "--quiet")
    except UserError as error:
        return [Difference("dvc repro failed", str(error), within=False)]
    again = lock.output_hashes(checkout.stages("dvc.lock"))
    found: list[Difference] = []
    for path in sorted(path for path in again if committed.get(path) != again[path]):
        kept = checkout.read(checkout.head, path)
        if path in entries(stages, "metrics"):
            found += _differing_metrics(checkout, rules, path)
        elif kept is None or not path.endswith(".png"):
            found.append(Difference(path, "different bytes", within=True))
        else:
            fraction = differing_fraction(kept, (checkout.path / path).read_bytes())
            how = f"{fraction:.3%} of the pixels differ"
            found.append(Difference(path, how, fraction <= rules.pictures.tolerance))
    return found


def _differing_metrics(checkout: Checkout, rules: Rules, path: str) -> list[Difference]:
    """The metrics in the file that differ; if only the layout differs, the file itself."""
    kept, ran = (read_values(checkout, commit, path) for commit in (checkout.head, ""))
    other_device = has_changed(kept, ran, DEVICE)
    found = []
    for name, old, new in compare_values(kept, ran):
        how, within = f"{old} -> {new}", False
        if old == new:
            continue
        if other_device and name == DEVICE:
            how, within = f"trained on {old}, this run on {new}", True
        elif is_number(old) and is_number(new):
            metric = rules.metrics.get(name)
            how += f", by {number(abs(new - old), 3)}"
            within = abs(new - old) <= metric.tolerance if metric else other_device
        found.append(Difference(f"{path}: {name}", how, within))
    return found or [Difference(path, "different bytes, the same numbers", within=False)]


def _dvc(checkout: Checkout, *arguments: str) -> None:
    """Runs DVC in the checkout; UserError if it fails."""
    settings = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
    environment = clean_environment() | dict.fromkeys(settings, str(checkout.dvc_site))
    standard_output(sys.executable, "-m", "dvc", *arguments, cwd=checkout.path, env=environment)
