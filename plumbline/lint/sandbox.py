"""An isolated copy of all that a stage declares, to run the stage in."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from plumbline.core.files import parse_yaml
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.lint.declared import Stage
from plumbline.lint.imports import PACKAGES


def source(path: str, made: Path) -> Path:
    """The file of a dependency: an output of an earlier stage in `made`, else the project's."""
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
    """Fills the folder with what the stage declares, and nothing else.

    made: the folder that has the outputs of the stages before it.
    """
    packages = {path for path in PACKAGES if Path(path).is_file()}
    for path in stage.code | stage.inputs | packages:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source(path, made), folder / path)
    for file, keys in ((PARAMS, stage.params), (VERSIONS, stage.versions)):
        own = cut(parse_yaml(file.read_bytes(), file), keys) if keys else {}
        (folder / file).write_text(yaml.safe_dump(own), encoding="utf-8")
