"""Parses `dvc.yaml` and `dvc.lock`, and lists what each stage declares."""

import shlex
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml
from plumbline.core.params import PARAMS, VERSIONS


class Stage(NamedTuple):
    """One stage's entry in `dvc.yaml`; paths are relative to the folder of that file."""

    name: str
    cmd: list[str]
    code: set[str]  # the scripts, including those in a declared folder
    inputs: set[str]  # the dependencies that are not code
    params: list[str]  # the keys of params.yaml
    versions: list[str]  # the keys of versions.yaml
    outs: list[str]  # outs, metrics and plots


def read(root: Path) -> dict[str, Stage]:
    """The stages of the dvc.yaml in `root`; see `parse`."""
    return parse(root, (root / "dvc.yaml").read_bytes())


def parse(root: Path, text: str | bytes) -> dict[str, Stage]:
    """The stages by name, each after those whose outputs it reads; UserError if there are none.

    text: the content of a dvc.yaml in the folder `root`.
    """
    raw = stages("dvc.yaml", text)
    try:
        found = {name: _stage(root, name, entry) for name, entry in raw.items()}
        makers = {path: stage.name for stage in found.values() for path in stage.outs}
        needs = {
            name: {makers[path] for path in stage.inputs if path in makers}
            for name, stage in found.items()
        }
        order = [*TopologicalSorter(needs).static_order()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"dvc.yaml: wanted the stages of a pipeline, got: {error!r}") from None
    if not found:
        raise UserError("dvc.yaml: wanted the stages of a pipeline, got none")
    return {name: found[name] for name in order}


def stages(path: str, text: str | bytes) -> dict[str, Any]:
    """The section `stages` in the text of a dvc.yaml or dvc.lock; empty if it is missing.

    UserError names `path` if the content is not YAML.
    """
    content = load(path, text)
    found = content.get("stages") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}


@cache
def load(path: str, text: str | bytes) -> Any:
    """The content of dvc.yaml or dvc.lock; several functions share it, so none may change it."""
    return parse_yaml(text, Path(path), aliases=True)


def entries(stages: dict[str, Any], *kinds: str) -> dict[str, dict[str, Any]]:
    """The options of each entry under the keys `kinds` (deps, outs, metrics, plots), by path.

    stages: the section `stages` of a dvc.yaml, where an entry is a path or {path: options}.
    """
    found = [entry for stage in stages.values() for kind in kinds for entry in stage.get(kind, [])]
    return {
        path: options if isinstance(options, dict) else {}
        for entry in found
        for path, options in ({entry: {}} if isinstance(entry, str) else entry).items()
    }


def scripts(root: Path, path: str) -> set[str]:
    """The path itself if it is a script, all scripts in it if it is a folder, none for data."""
    if path.endswith(".py"):
        return {path}
    return {script.relative_to(root).as_posix() for script in (root / path).rglob("*.py")}


def _stage(root: Path, name: str, stage: dict[str, Any]) -> Stage:
    code = {path: scripts(root, path) for path in entries({name: stage}, "deps")}
    keys: dict[str, list[str]] = {}
    for entry in stage.get("params", []):
        for path, names in (entry if isinstance(entry, dict) else {str(PARAMS): [entry]}).items():
            keys.setdefault(path, []).extend(map(str, names))
    return Stage(
        name=name,
        cmd=shlex.split(stage["cmd"]),
        code=set().union(*code.values()),
        inputs={path for path, found in code.items() if not found},
        params=keys.get(str(PARAMS), []),
        versions=keys.get(str(VERSIONS), []),
        outs=list(entries({name: stage}, "outs", "metrics", "plots")),
    )
