"""`make` installs the pinned packages, and reports a missing requirement in one line."""

import shutil
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]


@pytest.fixture
def project(tmp_path: Path) -> Clone:
    """A folder with the Makefile and the lists of packages, but without an environment."""
    for path in [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("*.txt")]:
        shutil.copy(path, tmp_path)
    return Clone(tmp_path)


def make(project: Clone, *arguments: str) -> list[str]:
    """The lines that make prints."""
    return project.try_run("make", *arguments).stdout.splitlines()


def test_the_cpu_option_changes_only_the_index_of_torch(project: Clone) -> None:
    def installs(*arguments: str) -> list[str]:
        lines = make(project, "--dry-run", "repro", *arguments)
        return [line.partition("pip install")[2] for line in lines if "pip install" in line]

    (rest,), (torch, same_rest) = installs(), installs("CPU=1")
    pinned = [line for line in (ROOT / "requirements.txt").read_text().split() if "torch=" in line]
    index = "--index-url https://download.pytorch.org/whl/cpu"
    assert torch.endswith(f" --no-deps {index} {pinned[0]}")
    assert rest == same_rest
    assert rest.endswith(" --requirement requirements.txt")


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("GIT_DIR=nowhere", "wanted a git repository, which DVC needs; clone this project, or"),
        ("PYTHON=false", "wanted Python 3.11 or newer; name one: make PYTHON=python3.12"),
    ],
)
def test_a_missing_requirement_prints_one_line(project: Clone, argument: str, error: str) -> None:
    project.init()
    assert make(project, "repro", argument)[0].startswith(error)
    assert not (project.path / ".venv").exists()


@pytest.mark.parametrize("moved", [False, True])
def test_only_a_moved_folder_gets_a_new_environment(project: Clone, moved: bool) -> None:
    scripts = project.path / ".venv" / "bin"
    scripts.mkdir(parents=True)
    place = project.path.parent / "before" if moved else project.path
    (scripts / "dvc").write_text(f"#!{place}/.venv/bin/python\n")
    for path in (scripts / "python", scripts.parent / "pip", scripts.parent / "ready"):
        path.touch()
    lines = make(project, "--dry-run", "repro")
    assert ("python3 -m venv --clear .venv" in lines) == moved
    assert any("--requirement requirements.txt" in line for line in lines) == moved


@pytest.mark.all
def test_make_installs_pip_in_an_environment_without_it(project: Clone) -> None:
    """An environment that uv makes has no pip."""
    project.run("python", "-m", "venv", "--without-pip", ".venv")
    make(project, ".venv/pip")
    project.run(".venv/bin/python", "-m", "pip", "--version")
