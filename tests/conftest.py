"""What the tests share."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.branches import make_branches
from tests.clone import Clone, make_clone
from tests.exercise import write_params


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with the exercise's params.yaml in it."""
    monkeypatch.chdir(tmp_path)
    write_params({})
    return tmp_path


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with the exercise's results committed; to change it, take a `copy_of` it."""
    clone = make_clone(tmp_path_factory.mktemp("reproduced") / "plumbline", OMP_NUM_THREADS="1")
    clone.run("dvc", "repro")
    clone.commit("The exercise's results")
    return clone


@pytest.fixture(scope="session")
def forced(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The same in another folder, on two threads."""
    clone = make_clone(tmp_path_factory.mktemp("forced") / "another name", OMP_NUM_THREADS="2")
    clone.run("dvc", "repro")
    clone.commit("The exercise's results")
    return clone


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Clone], Clone]:
    """Copies a clone with its cache, to be changed."""

    def copy(clone: Clone) -> Clone:
        shutil.copytree(clone.path, tmp_path / "copy", symlinks=True)
        return Clone(tmp_path / "copy")

    return copy


@pytest.fixture(scope="session")
def branches(reproduced: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone on main with the branches of tests/branches.py; to change it, take a `copy_of` it."""
    path = tmp_path_factory.mktemp("branches") / "plumbline"
    shutil.copytree(reproduced.path, path, symlinks=True)
    clone = Clone(path)
    make_branches(clone)
    return clone


def pytest_configure() -> None:
    """Lets Ctrl-C end what the tests start, though a shell may start them where it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the tests of one clone in one of the processes that pytest-xdist may run them in."""
    for item in items:
        for name in ("branches", "forced", "reproduced"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))
                break
