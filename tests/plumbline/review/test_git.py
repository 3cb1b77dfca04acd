"""The tools run no program that a user or a branch set up for git, and work in every clone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.all

TOOLS = {
    "gate": ("python", "-m", "plumbline", "gate", "main"),
    "check": ("python", "-m", "plumbline", "check"),
    "report": ("python", "-m", "plumbline", "report", "main"),
}

# Common user settings, plus a failing program wherever git can run one.
CONFIG = """
[core]
    autocrlf = true
    hooksPath = .githooks
    fsmonitor = false-fsmonitor
[commit]
    gpgsign = true
[init]
    defaultBranch = trunk
    templateDir = /nowhere
[diff]
    external = false
[color]
    ui = always
[filter "lfs"]
    smudge = false
    clean = false
    required = true
"""


@pytest.fixture
def hostile(branches: Clone, copy_of: Callable[[Clone], Clone], tmp_path: Path) -> Clone:
    """A clone on the branch `hooked`; its settings and its user's make git run programs."""
    clone = copy_of(branches)
    clone.run("git", "checkout", "--quiet", "hooked")
    (clone.path / ".gitattributes").write_text("*.png filter=lfs\n* text=auto eol=lf\n")
    clone.run("git", "config", "filter.lfs.clean", "touch ../filter-ran; cat")
    (tmp_path / "gitconfig").write_text(CONFIG)
    clone.environment["GIT_CONFIG_GLOBAL"] = str(tmp_path / "gitconfig")
    return clone


@pytest.mark.parametrize("tool", TOOLS)
def test_no_hook_filter_or_monitor_runs(branches: Clone, hostile: Clone, tool: str) -> None:
    done = hostile.try_run(*TOOLS[tool], *(() if tool == "check" else ("hooked",)))
    assert done.returncode == 0, done.stdout
    worktree = hostile.try_run(*TOOLS[tool])
    assert worktree.returncode == 0, worktree.stdout
    assert not (branches.path.parent / "hook-ran").exists()
    assert not (hostile.path.parent / "filter-ran").exists()


def test_plain_git_runs_the_hook_that_the_tools_must_not_run(
    branches: Clone, hostile: Clone
) -> None:
    hostile.try_run("git", "checkout", "--force", "main")
    hostile.try_run("git", "checkout", "--force", "hooked")
    trace = branches.path.parent / "hook-ran"
    assert trace.exists()
    trace.unlink()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_shallow_clone_works_for_the_commits_it_has(
    branches: Clone, tmp_path: Path, tool: str
) -> None:
    url = f"file://{branches.path}"
    branches.run("git", "clone", "--quiet", "--depth=1", url, str(tmp_path / "shallow"))
    shallow = Clone(tmp_path / "shallow")
    shallow.edit("README.md", "#", "# ")
    assert shallow.try_run(*TOOLS[tool]).returncode == 0
    done = shallow.try_run(*TOOLS[tool][:3], "HEAD~1")
    assert done.returncode == 1
    assert done.stdout == (
        f"{tool}: HEAD~1: no such revision in this repository; "
        "this clone is shallow: git fetch --unshallow\n"
    )


@pytest.mark.skipif(shutil.which("chown") is None, reason="chown is not installed")
def test_git_refuses_a_repository_that_somebody_else_owns(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    if clone.try_run("chown", "-R", "12345", ".").returncode:
        pytest.skip("only root can change the owner of a file")
    done = clone.try_run(*TOOLS["gate"])
    assert done.returncode == 1
    assert done.stdout.startswith("gate: fatal: detected dubious ownership in repository")
