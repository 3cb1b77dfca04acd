"""A folder to run a stage in, where it can do no harm and is seen to do none."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from stages.params import PARAMS
from stages.syntax import parse
from tools import trace
from tools.pipeline import Stage


def source(path: str, made: Path) -> Path:
    """Where a dependency comes from: a stage before it, else the project."""
    return made / path if (made / path).is_file() else Path(path)


def cut(params: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The part of the parameters that the keys name."""
    part: dict[str, Any] = {}
    for key in keys:
        section, _, name = key.partition(".")
        if section in params and not name:
            part[section] = params[section]
        elif name in params.get(section, {}):
            part.setdefault(section, {})[name] = params[section][name]
    return part


def lay_out(stage: Stage, made: Path, folder: Path) -> None:
    """Fills the folder that the stage runs in, with the outputs in `made` of stages before it.

    Where strace sees whatever is read, all of the project is there to be read. Elsewhere nothing
    but what is declared is, so that native code fails where it reads more.
    """
    if trace.STRACE:
        shutil.copytree(".", folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        shutil.copytree(made, folder, dirs_exist_ok=True)
    for path in stage.deps:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source(path, made), folder / path)
    for path in stage.outs:
        (folder / path).unlink(missing_ok=True)
    own = cut(parse(PARAMS.read_bytes(), PARAMS), stage.params)
    (folder / PARAMS).write_text(yaml.safe_dump(own), encoding="utf-8")
