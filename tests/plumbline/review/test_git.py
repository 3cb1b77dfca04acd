"""The tools run no program that a user or a branch set up for git, and work in every clone."""

import hashlib
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import ROOT

pytestmark = pytest.mark.all

LONG_AGO = 1_500_000_000

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
    done = shallow.try_run(*TOOLS[tool][:4], "HEAD~1")
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


def make_stale(clone: Clone, name: str) -> None:
    """Gives git's entry of the file its present time and size, beside the hash that it has."""
    index, path = clone.path / ".git" / "index", clone.path / name
    os.utime(path, (LONG_AGO, LONG_AGO))  # else git compares the content: it may be a race
    stat, content = path.stat(), bytearray(index.read_bytes()[:-20])
    start = content.index(struct.pack(">H", len(name)) + name.encode() + b"\0") - 60
    times = [part for ns in (stat.st_ctime_ns, stat.st_mtime_ns) for part in divmod(ns, 10**9)]
    content[start : start + 24] = struct.pack(">6I", *times, stat.st_dev, stat.st_ino & 0xFFFFFFFF)
    content[start + 36 : start + 40] = struct.pack(">I", stat.st_size)
    index.write_bytes(content + hashlib.sha1(content, usedforsecurity=False).digest())


@pytest.fixture
def stale(branches: Clone, copy_of: Callable[[Clone], Clone]) -> Clone:
    """A clone with an edit of params.yaml that git does not see."""
    clone = copy_of(branches)
    clone.edit("params.yaml", "epochs: 300", "epochs: 301")
    make_stale(clone, "params.yaml")
    assert clone.run("git", "status", "--porcelain") == ""
    return clone


def test_an_edit_that_git_does_not_see_is_judged(stale: Clone) -> None:
    done = stale.try_run("python", "-m", "plumbline", "check")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (
        1,
        [
            "  train: params.yaml: train is modified",
            "  validate: params.yaml: train is modified",
            "  plot: params.yaml: train.epochs is modified",
        ],
    )
    assert "| `train.epochs` | `300` | `301` |" in stale.run(*TOOLS["report"])


def test_the_check_names_an_edit_that_git_does_not_see_and_changes_nothing(stale: Clone) -> None:
    stale.edit("params.yaml", "epochs: 301", "epochs: 300")
    stale.edit("README.md", "# Plumb", "# Plump")
    make_stale(stale, "README.md")
    index = (stale.path / ".git" / "index").read_bytes()
    assert stale.run(*TOOLS["check"]).splitlines()[1:] == [
        "check: not committed yet: README.md",
        "check: git does not see that README.md changed; make it look: touch README.md",
    ]
    assert (stale.path / ".git" / "index").read_bytes() == index


def test_recover_makes_git_see_the_edit(stale: Clone) -> None:
    said = stale.run("python", "-m", "plumbline", "recover")
    assert said == "params.yaml: touched; git did not see that it had changed\n"
    assert stale.run("git", "status", "--porcelain") == " M params.yaml\n"
    assert stale.run("python", "-m", "plumbline", "recover") == ""


def test_dvc_never_writes_to_the_index_whatever_its_user_has_set() -> None:
    assert "autostage = false" in (ROOT / ".dvc" / "config").read_text()


def test_a_file_that_the_user_told_git_not_to_look_at_counts_as_committed(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("git", "update-index", "--skip-worktree", "params.yaml")
    clone.set_params({"train.lr": 0.02})
    said = clone.run(*TOOLS["check"])
    assert said == "check: dvc.lock, metrics and pictures fit the parameters and the scripts\n"
    assert clone.run("python", "-m", "plumbline", "recover") == ""
