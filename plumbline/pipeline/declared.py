"""`dvc.yaml` as data: what each stage declares."""

import shlex
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from plumbline.pipeline.outputs import declared


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
        found = yaml.safe_load((root / "dvc.yaml").read_bytes())["stages"]
        stages = {name: _stage(name, stage) for name, stage in found.items()}
        makers = {path: stage.name for stage in stages.values() for path in stage.outs}
        needs = {
            name: {makers[path] for path in stage.deps if path in makers}
            for name, stage in stages.items()
        }
        return {name: stages[name] for name in TopologicalSorter(needs).static_order()}
    except (yaml.YAMLError, CycleError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"dvc.yaml: wanted the stages of a pipeline, got: {error!r}") from None


def _stage(name: str, stage: dict[str, Any]) -> Stage:
    deps, outs = (
        declared({name: stage}, "deps"),
        declared({name: stage}, "outs", "metrics", "plots"),
    )
    params = [str(key) for key in stage.get("params", [])]
    return Stage(name, shlex.split(stage["cmd"]), list(deps), params, list(outs))
