"""The rules for imports inside the project, and for the pins of packages."""

import re
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from plumbline.core.params import normalized_name
from plumbline.lint import imports
from tests.support.exercise import ROOT


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_library_imports_no_stage_and_has_no_circular_imports() -> None:
    modules = {
        ".".join(path.with_suffix("").parts): {
            name for name in imports.modules(path) if name.startswith(("plumbline.", "stages."))
        }
        for path in Path("plumbline").rglob("*.py")
    }
    assert not [name for name in set().union(*modules.values()) if name.startswith("stages")]
    folders = dict[str, set[str]]()
    for module, imported in modules.items():
        folder = module.split(".")[1]
        folders.setdefault(folder, set()).update({name.split(".")[1] for name in imported})
        folders[folder].discard(folder)
    assert not folders["core"]
    for order in (TopologicalSorter(folders), TopologicalSorter(modules)):
        order.prepare()  # raises CycleError if imports are circular


def pins(path: str) -> dict[str, str]:
    """The pinned version of each package in a requirements file, by its normalized name."""
    found = re.findall(r"(?m)^([\w.-]+)==(\S+)$", Path(path).read_text())
    return {normalized_name(name): version for name, version in found}


def packages_of(folder: str) -> list[set[str]]:
    """For each third-party module that the folder imports, the packages that contain it."""
    found, paths = packages_distributions(), Path(folder).rglob("*.py")
    imported = {name.split(".")[0] for path in paths for name in imports.modules(path)}
    others = imported - {"plumbline", "stages", "tests", *sys.stdlib_module_names}
    return [{normalized_name(name) for name in found[module]} for module in others]


@pytest.mark.slow
def test_each_imported_package_is_pinned_at_or_above_the_lower_bound_of_the_library() -> None:
    pinned = pins("requirements.txt")
    known = pinned | pins("requirements-dev.txt")
    assert [packages for packages in packages_of("tests") if not packages & known.keys()] == []

    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    bounds = dict(line.split(">=") for line in project["dependencies"])
    assert [packages for packages in packages_of("plumbline") if not packages & {*bounds}] == []
    for name, bound in bounds.items():
        assert [*map(int, bound.split("."))] <= [*map(int, pinned[name].split("."))]


def test_each_package_is_pinned_at_one_version_everywhere() -> None:
    """To fix: copy requirements.txt's pins to pyproject.toml, constraints.txt and versions.yaml."""
    pinned = pins("requirements.txt")
    uv = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    keys = yaml.safe_load(Path("versions.yaml").read_text())
    assert dict(line.split("==") for line in uv) == pinned
    assert pinned.items() <= pins("constraints.txt").items()
    assert keys.items() <= pinned.items()
