"""`dvc.yaml` as data: what each stage declares."""

import shlex
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import yaml


class Stage(NamedTuple):
    """One stage's command and what it declares, as paths relative to the folder of `dvc.yaml`."""

    name: str
    cmd: list[str]
    deps: list[str]
    params: list[str]
    outs: list[str]

    @property
    def scripts(self) -> set[str]:
        return {path for path in self.deps if path.endswith(".py")}

    @property
    def inputs(self) -> set[str]:
        return {*self.deps} - self.scripts


def read(root: Path) -> dict[str, Stage]:
    """The stages by name, each after those whose outputs it needs; ValueError if there is none."""
    try:
        declared = yaml.safe_load((root / "dvc.yaml").read_bytes())["stages"]
        stages = {name: _stage(name, stage) for name, stage in declared.items()}
        makers = {path: stage.name for stage in stages.values() for path in stage.outs}
        needs = {
            name: {makers[path] for path in stage.deps if path in makers}
            for name, stage in stages.items()
        }
        return {name: stages[name] for name in TopologicalSorter(needs).static_order()}
    except (yaml.YAMLError, CycleError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"dvc.yaml: wanted the stages of a pipeline, got: {error!r}") from None


def _stage(name: str, stage: dict[str, Any]) -> Stage:
    outs = [path for kind in ("outs", "metrics", "plots") for path in _paths(stage.get(kind, []))]
    params = [str(key) for key in stage.get("params", [])]
    return Stage(name, shlex.split(stage["cmd"]), _paths(stage.get("deps", [])), params, outs)


def _paths(entries: list[Any]) -> list[str]:
    """The paths of entries that are each a path or {path: options}."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
