"""dvc.lock as data: the hash of each file with which a stage ran, and how two locks differ."""

from collections.abc import Iterator
from typing import Any

from plumbline.core.errors import UserError
from plumbline.review.git import Checkout, parse_stages
from plumbline.review.recovery import is_cut

# The stages whose outputs are the samples.
MAKE_DATA = {"generate", "load", "split"}


def load(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The entries of dvc.lock in the commit, by stage; UserError if a killed DVC cut it short."""
    content = checkout.read(commit, "dvc.lock")
    if content is not None and is_cut(content):
        raise UserError(
            "dvc.lock: cut short, as a killed DVC leaves it; git checkout dvc.lock, then dvc repro"
        )
    return parse_stages("dvc.lock", content)


def output_hashes(lock: dict[str, Any]) -> dict[str, str]:
    """The hash that dvc.lock has of each output, by its path."""
    return {
        out["path"]: out.get("md5", "") for entry in lock.values() for out in entry.get("outs", [])
    }


def contradictions(lock: dict[str, Any]) -> Iterator[str]:
    """A line for each stage that ran with another file than dvc.lock has as the output.

    DVC notices it only where the data is, and a fresh clone has none.
    """
    made = output_hashes(lock)
    for name, entry in lock.items():
        for dependency in entry.get("deps", []):
            path = dependency["path"]
            if path in made and dependency.get("md5") != made[path]:
                yield f"{name}: ran with another {path} than dvc.lock has"


def locked_stages(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The entries of dvc.lock, without those of stages that dvc.yaml no longer has."""
    declared = checkout.stages("dvc.yaml", commit)
    entries = load(checkout, commit)
    return {name: entry for name, entry in entries.items() if name in declared}


def same_data(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """False if both locks have samples and their hashes differ; old, new: the entries by stage."""
    before, after = (
        output_hashes({name: stages[name] for name in MAKE_DATA & stages.keys()})
        for stages in (old, new)
    )
    return not before or not after or before == after


def changed_sources(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The dependencies that no stage makes and whose hashes differ; old, new: entries by stage."""
    before, after = _source_hashes(old), _source_hashes(new)
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def _source_hashes(stages: dict[str, Any]) -> dict[str, str]:
    made = output_hashes(stages)
    dependencies = [file for entry in stages.values() for file in entry.get("deps", [])]
    return {file["path"]: file.get("md5", "") for file in dependencies if file["path"] not in made}


def stage_changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """The fate of each stage, in the order of dvc.lock: ran, new, removed or skipped."""
    found = {name: "removed" for name in old if name not in new}
    for name, entry in new.items():
        skipped = "skipped" if old.get(name) == entry else "ran"
        found[name] = skipped if name in old else "new"
    return found
