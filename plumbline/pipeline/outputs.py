"""What the stages of a dvc.yaml or a dvc.lock say about their outputs."""

from typing import Any


def declared(stages: dict[str, Any], *kinds: str) -> dict[str, dict[str, Any]]:
    """The options of each entry of the kinds (deps, outs, metrics, plots) of dvc.yaml, by path."""
    entries = [
        entry for stage in stages.values() for kind in kinds for entry in stage.get(kind, [])
    ]
    return {
        path: options
        for entry in entries
        for path, options in ({entry: {}} if isinstance(entry, str) else entry).items()
    }


def hashes(lock: dict[str, Any]) -> dict[str, str]:
    """The hash that dvc.lock has of each output, by path."""
    return {
        out["path"]: out.get("md5", "") for entry in lock.values() for out in entry.get("outs", [])
    }
