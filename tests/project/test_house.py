"""Who may import whom, which test belongs to which module, and which packages are pinned."""

import re
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from plumbline.lint import imports
from tests.support.exercise import ROOT

# The test of the module that each is private to.
PRIVATE = {
    "plumbline/__init__.py": "core/test_command.py",
    "plumbline/__main__.py": "commands/test_gate.py",
    "plumbline/column.py": "test_table.py",
    "plumbline/review/comments.py": "commands/test_accept.py",
    "plumbline/review/merging.py": "commands/test_settle.py",
    "plumbline/commands/recover.py": "review/test_lock.py",
    "plumbline/core/errors.py": "core/test_command.py",
    "plumbline/lint/hook/sitecustomize.py": "commands/test_lint.py",
    "plumbline/lint/imports.py": "commands/test_lint.py",
    "plumbline/lint/problems.py": "commands/test_lint.py",
    "plumbline/lint/sandbox.py": "commands/test_lint.py",
    "plumbline/lint/trace.py": "commands/test_lint.py",
    "plumbline/review/diffs.py": "commands/test_report.py",
    "plumbline/review/findings.py": "review/test_report.py",
    "plumbline/index.py": "test_table.py",
    "plumbline/wider.py": "../stages/test_predict.py",
    "plumbline/predictor.py": "../project/test_using_the_model.py",
    "plumbline/tally.py": "../stages/test_predict.py",
    "stages/losses.py": "drawing/test_landscape.py",
}

# A user may add other stages, without a test.
NAMES = "generate load split train validate evaluate plot verify model loop losses"
STAGES = [Path("stages") / f"{name}.py" for name in NAMES.split()]


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def arrows() -> dict[str, set[str]]:
    """The modules of the project that each module of the library imports."""
    return {
        ".".join(path.with_suffix("").parts): {
            name for name in imports.modules(path) if name.startswith(("plumbline.", "stages."))
        }
        for path in Path("plumbline").rglob("*.py")
    }


def test_the_library_imports_no_stage() -> None:
    assert not [name for name in chain(*arrows().values()) if name.startswith("stages")]


def test_the_folders_and_the_modules_of_the_library_import_each_other_in_no_circle() -> None:
    modules, folders = arrows(), dict[str, set[str]]()
    for module, imported in modules.items():
        folder = module.split(".")[1]
        folders.setdefault(folder, set()).update({name.split(".")[1] for name in imported})
        folders[folder].discard(folder)
    assert not folders["core"]
    for order in (TopologicalSorter(folders), TopologicalSorter(modules)):
        order.prepare()  # CycleError if there is a circle


def test_each_module_has_a_test_file_of_its_name_or_is_private_to_one_that_has() -> None:
    for module in [*STAGES, *Path("plumbline").rglob("*.py")]:
        own = Path("tests") / module.with_name(f"test_{module.name}")
        private = Path("tests/plumbline") / PRIVATE.get(module.as_posix(), "none")
        assert own.is_file() or private.is_file(), module


def names(path: str) -> dict[str, str]:
    """The version of each package that a file of requirements pins, by its normal name."""
    pins = re.findall(r"(?m)^([\w.-]+)==(\S+)$", Path(path).read_text())
    return {name.lower().replace("_", "-"): version for name, version in pins}


def packages_of(folder: str) -> list[set[str]]:
    """For each module of another project that the folder imports: the packages that have it."""
    found = packages_distributions()
    paths = Path(folder).rglob("*.py")
    imported = {name.split(".")[0] for path in paths for name in imports.modules(path)}
    others = imported - {"plumbline", "stages", "tests", *sys.stdlib_module_names}
    return [{name.lower().replace("_", "-") for name in found[module]} for module in others]


@pytest.mark.slow
def test_each_package_that_the_tests_import_is_pinned() -> None:
    pinned = names("requirements.txt").keys() | names("requirements-dev.txt").keys()
    assert [packages for packages in packages_of("tests") if not packages & pinned] == []


@pytest.mark.slow
def test_each_package_of_the_library_has_a_lower_bound_and_is_pinned_at_it_or_above() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    bounds = dict(line.split(">=") for line in project["dependencies"])
    pins = names("requirements.txt")

    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    assert [packages for packages in packages_of("plumbline") if not packages & {*bounds}] == []
    assert all(numbers(bounds[name]) <= numbers(pins[name]) for name in bounds)
