"""`make` installs the pinned packages, and reports a missing requirement in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.exercise import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and what it installs, and no environment."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> list[str]:
    """What make prints."""
    # `make test` may run this test, and would tell the inner make about itself.
    environment = {key: text for key, text in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**environment, "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def test_the_cpu_option_changes_only_the_index_of_torch(project: Path) -> None:
    def installs(*arguments: str) -> list[str]:
        lines = make(project, "--dry-run", "repro", *arguments)
        return [line.partition("pip install")[2] for line in lines if "pip install" in line]

    (rest,), (torch, same_rest) = installs(), installs("CPU=1")
    pinned = [line for line in (ROOT / "requirements.txt").read_text().split() if "torch=" in line]
    index = "--index-url https://download.pytorch.org/whl/cpu"
    assert torch.endswith(f" --no-deps {index} {pinned[0]}")
    assert rest == same_rest
    assert rest.endswith(" --requirement requirements.txt")


def test_a_missing_git_repository_is_reported_in_one_line(project: Path) -> None:
    for target in ("repro", "test"):
        assert make(project, target, "GIT_DIR=nowhere")[0] == (
            "wanted a git repository, which DVC needs; clone this project, or run: git init"
        )
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("moved", [False, True])
def test_a_moved_folder_gets_a_new_environment(project: Path, moved: bool) -> None:
    scripts = project / ".venv" / "bin"
    scripts.mkdir(parents=True)
    place = project.parent / "before" if moved else project
    (scripts / "dvc").write_text(f"#!{place}/.venv/bin/python\n")
    for path in (scripts / "python", scripts.parent / "pip", scripts.parent / "ready"):
        path.touch()
    lines = make(project, "--dry-run", "repro")
    assert ("python3 -m venv --clear .venv" in lines) == moved
    assert any("--requirement requirements.txt" in line for line in lines) == moved


@pytest.mark.all
def test_an_environment_without_pip_gets_it(project: Path) -> None:
    """As uv makes one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    make(project, ".venv/pip")
    subprocess.run([project / ".venv/bin/python", "-m", "pip", "--version"], check=True)


def test_an_old_python_is_reported_in_one_line(project: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    old = project / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    said = make(project, "repro", f"PYTHON={old}")
    assert said[0] == "wanted Python 3.11 or newer; name one: make PYTHON=python3.12"
