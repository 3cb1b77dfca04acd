"""The fixtures that tests share."""

import gc
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import chdir
from importlib import import_module
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from plumbline.core.command import end_imports
from plumbline.core.errors import UserError
from tests.support.branches import make_branches
from tests.support.clone import Clone, make_clone
from tests.support.exercise import ROOT, write_params
from tests.support.small import make_small

# Imports make no garbage, but looking for it takes a third of their time here.
gc.disable()

# Hypothesis draws fewer examples than by default, and always the same ones.
settings.register_profile("quick", max_examples=30, derandomize=True)
settings.load_profile("quick")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, empty except for the exercise's params.yaml."""
    monkeypatch.chdir(tmp_path)
    write_params({})
    return tmp_path


@pytest.fixture(scope="session")
def share(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Clone]:
    """A function that makes a clone, which all processes of pytest-xdist share."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def share(name: str, make: Callable[[Path], object]) -> Clone:
        path, done = root / name / "plumbline", root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                make(path)
                done.touch()
        return Clone(path)

    return share


@pytest.fixture(scope="session")
def reproduced(share: Callable[..., Clone]) -> Clone:
    """A clone with the exercise's results committed; a test that changes it uses `clone`."""

    def make(path: Path) -> None:
        clone = make_clone(path)
        clone.reproduce()
        clone.commit("The exercise's results")

    return share("reproduced", make)


@pytest.fixture(scope="session")
def branches(reproduced: Clone, share: Callable[..., Clone]) -> Clone:
    """A clone with the branches of support/branches.py; a test that changes it uses `branched`."""
    return share("branches", lambda path: make_branches(reproduced.copy(path)))


@pytest.fixture(scope="session")
def small_branches(share: Callable[..., Clone]) -> Clone:
    """The project of support/small.py and its branches; a test that changes it uses `small`."""
    return Clone(share("small", make_small).path, PYTHONPATH=str(ROOT))


@pytest.fixture
def small(small_branches: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A copy of `small_branches` that a test can change, as the working folder."""
    shared = small_branches.path
    Clone(shared.parent).copy(tmp_path / "root")
    monkeypatch.chdir(tmp_path / "root" / shared.name)
    return Clone(Path.cwd())


@pytest.fixture
def plumbline(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, list[str]]]:
    """A function that runs a command in a clone; returns its exit status and its printed lines."""

    def plumbline(clone: Clone, name: str, *arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()  # drop what the test has printed
        for variable, value in clone.environment.items():
            monkeypatch.setenv(variable, value)
        command, parser = import_module(f"plumbline.commands.{name}"), ArgumentParser()
        command.add_arguments(parser)
        end: object = None
        try:
            with chdir(clone.path):
                command.main(parser.parse_args(arguments))
        except (SystemExit, UserError) as error:
            end = error.code if isinstance(error, SystemExit) else str(error)
        said = capsys.readouterr().out + (end if isinstance(end, str) else "")
        return int(bool(end)), said.splitlines()

    return plumbline


@pytest.fixture
def clone(reproduced: Clone, tmp_path: Path) -> Clone:
    """A copy of `reproduced` and its cache that a test can change."""
    return reproduced.copy(tmp_path / "copy")


@pytest.fixture
def branched(branches: Clone, tmp_path: Path) -> Clone:
    """A copy of `branches` and its cache that a test can change."""
    return branches.copy(tmp_path / "copy")


def pytest_collection_finish() -> None:
    """Turns garbage collection on again, but not for what has been imported."""
    end_imports()


def pytest_sessionfinish() -> None:
    """Collects garbage here, so that pytest and Python do not do it several times at the end."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marks, and sets PATH and SIGINT for the processes that tests start.

    Ctrl-C ends these processes even if pytest's parent ignores it. They find this Python and its
    `dvc` even if no environment is active.
    """
    for mark in (
        "slow: starts processes or takes a long time; `make test-quick` leaves it out",
        "all: tests faults or hostile files, or takes minutes; only `make test-all` runs it",
    ):
        config.addinivalue_line("markers", mark)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    signal.signal(signal.SIGINT, signal.default_int_handler)
