"""Revisions are found as DVC finds them, in every clone, and no program of a branch runs."""

import hashlib
import itertools
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.review.git import HERE, checkout_of, find_base, find_commit, unseen_files
from plumbline.review.lock import recover
from tests.support.clone import Clone
from tests.support.exercise import ROOT

pytestmark = pytest.mark.slow

LONG_AGO = 1_500_000_000


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A repository whose branch `work` left `main` at the tag `base`; both have a commit more."""
    clone = Clone(tmp_path / "origin")
    clone.init()
    monkeypatch.chdir(clone.path)
    for name, value in clone.environment.items():
        monkeypatch.setenv(name, value)
    clone.run("git", "config", "uploadpack.allowFilter", "true")
    for text, go_on in (
        ("base", ("tag", "base")),
        ("newer", ("checkout", "--quiet", "-b", "work", "base")),
        ("work", ("checkout", "--quiet", "main")),
    ):
        Path("file").write_text(text)
        clone.commit(text)
        clone.run("git", *go_on)
    return clone


@pytest.fixture
def cloned(origin: Clone, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clone]:
    """Makes a clone of it, in which the process runs from then on."""

    def cloned(*options: str) -> Clone:
        path = origin.path.parent / "clone"
        origin.run("git", "clone", "--quiet", *options, origin.path.as_uri(), str(path))
        monkeypatch.chdir(path)
        return Clone(path)

    return cloned


def commit_of(origin: Clone, name: str) -> str:
    return origin.run("git", "rev-parse", name).strip()


def refusal(name: str) -> str:
    with pytest.raises(ValueError, match="in this repository") as caught:
        find_commit(name)
    return str(caught.value)


def test_the_base_is_where_the_branch_left_main_and_newer_commits_are_told(origin: Clone) -> None:
    base = commit_of(origin, "base")
    note = f"has moved on by 1 commit; compared with {base[:12]}, where this branch left it"
    assert find_base("main", commit_of(origin, "work")) == (base, note)
    assert find_base("base", commit_of(origin, "work")) == (base, "")
    origin.run("git", "checkout", "--quiet", "work")
    Path("file").write_text("edited")
    assert find_base("main", find_commit(None)) == (base, note)
    origin.commit("edited")
    origin.try_run("git", "merge", "--quiet", "--no-commit", "main")
    origin.run("git", "add", "file")
    assert find_base("main", find_commit(None)) == (commit_of(origin, "main"), "")
    origin.run("git", "checkout", "--quiet", "--force", "--orphan", "other")
    origin.commit("No parent")
    commit, note = find_base("main", commit_of(origin, "other"))
    assert commit == commit_of(origin, "main")
    assert note == "shares no commit with this branch; compared as it is now"


@pytest.mark.parametrize("options", [(), ("--depth=1",)])
def test_the_error_in_a_clone_of_one_branch_names_the_command_that_fetches_the_other(
    origin: Clone, cloned: Callable[..., Clone], options: tuple[str, ...]
) -> None:
    clone = cloned("--single-branch", "--branch=work", *options)
    said, _, command = refusal("main").partition("; if origin has it: ")
    assert said == "main: no such revision in this repository; there are work, origin/work"
    clone.run(*command.split())
    assert find_base("main", find_commit("work"))[0] == commit_of(origin, "base")


def test_what_is_no_branch_is_not_fetched_as_one(
    origin: Clone, cloned: Callable[..., Clone]
) -> None:
    cloned("--depth=1")
    with checkout_of(find_commit("HEAD")) as checkout:
        assert (checkout.path / "file").read_text() == "newer"
    assert refusal("HEAD~1").endswith("; if origin has it: git fetch --unshallow")
    assert refusal("--nosuch").startswith("--nosuch: no such revision in this repository; ")


def test_a_branch_of_a_remote_and_an_experiment_are_found_by_their_names(
    origin: Clone, cloned: Callable[..., Clone]
) -> None:
    clone, work = cloned(), commit_of(origin, "work")
    assert find_commit("work") == work
    clone.run("git", "update-ref", f"refs/exps/{work[:2]}/{work[2:]}/exotic-name", work)
    assert find_commit("exotic-name") == work
    clone.run("git", "update-ref", "refs/remotes/fork/work", commit_of(origin, "base"))
    said = "work: several revisions in this repository; there are fork/work, origin/work"
    assert refusal("work") == said


def test_a_partial_clone_fetches_the_files_of_the_base(
    origin: Clone, cloned: Callable[..., Clone]
) -> None:
    cloned("--filter=blob:none", "--no-checkout")
    base, _ = find_base("main", find_commit("work"))
    with checkout_of(find_commit("work")) as checkout:
        assert checkout.read(checkout.head, "file") == b"work"
        assert checkout.read(base, "file") == b"base"
        assert checkout.read(base, "nothing") is None


def test_the_working_tree_is_a_commit_and_without_an_edit_nothing_is_written(
    origin: Clone,
) -> None:
    def objects() -> list[Path]:
        return sorted(Path(".git/objects").rglob("*"))

    before = objects()
    assert find_commit(None) == commit_of(origin, "HEAD")
    assert objects() == before
    Path("file").write_text("edited")
    with checkout_of(find_commit(None)) as checkout:
        assert (checkout.path / "file").read_text() == "edited"
    assert HERE.read("", "file") == b"edited"
    assert HERE.read("", "nothing") is None


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


def test_an_edit_that_git_does_not_see_is_found_and_recover_makes_git_see_it(
    origin: Clone,
) -> None:
    Path("file").write_text("edited")
    make_stale(origin, "file")
    index = Path(".git/index").read_bytes()
    assert origin.run("git", "status", "--porcelain") == ""
    assert find_commit(None) != commit_of(origin, "HEAD")
    assert unseen_files() == [Path("file")]
    assert Path(".git/index").read_bytes() == index
    assert list(recover()) == ["file: touched; git did not see that it had changed"]
    assert origin.run("git", "status", "--porcelain") == " M file\n"
    assert list(recover()) == []


def test_a_file_with_a_filter_counts_as_committed(origin: Clone) -> None:
    Path(".gitattributes").write_text("file filter=upper\n")
    origin.run("git", "config", "filter.upper.clean", "tr a-z A-Z")
    Path("file").write_text("filtered")
    os.utime("file", (LONG_AGO, LONG_AGO))
    origin.commit("Filtered")
    assert origin.run("git", "show", "HEAD:file") == "FILTERED"
    assert find_commit(None) == commit_of(origin, "HEAD")
    assert unseen_files() == []


def test_a_file_that_the_user_told_git_not_to_look_at_counts_as_committed(origin: Clone) -> None:
    origin.run("git", "update-index", "--skip-worktree", "file")
    Path("file").write_text("edited")
    assert find_commit(None) == commit_of(origin, "HEAD")
    assert unseen_files() == []


def test_dvc_never_writes_to_the_index_whatever_its_user_has_set() -> None:
    assert "autostage = false" in (ROOT / ".dvc" / "config").read_text()


@pytest.mark.skipif(shutil.which("chown") is None, reason="chown is not installed")
def test_git_refuses_a_repository_that_somebody_else_owns(origin: Clone) -> None:
    if origin.try_run("chown", "-R", "12345", ".").returncode:
        pytest.skip("only root can change the owner of a file")
    with pytest.raises(ValueError, match="^fatal: detected dubious ownership in repository"):
        find_commit("main")


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
def hostile(branched: Clone, tmp_path: Path) -> Clone:
    """A clone on the branch `hooked`; its settings and its user's make git run programs."""
    branched.run("git", "checkout", "--quiet", "hooked")
    (branched.path / ".gitattributes").write_text("*.png filter=lfs\n* text=auto eol=lf\n")
    branched.run("git", "config", "filter.lfs.clean", "touch ../filter-ran; cat")
    (tmp_path / "gitconfig").write_text(CONFIG)
    branched.environment["GIT_CONFIG_GLOBAL"] = str(tmp_path / "gitconfig")
    return branched


@pytest.mark.all
def test_no_hook_filter_or_monitor_runs_that_plain_git_would_run(
    branches: Clone, hostile: Clone
) -> None:
    trace = branches.path.parent / "hook-ran"
    for tool, head in itertools.product(TOOLS.values(), ((), ("hooked",))):
        done = hostile.try_run(*tool, *head)
        assert done.returncode == 0, done.stdout
    assert not trace.exists()
    assert not (hostile.path.parent / "filter-ran").exists()
    hostile.try_run("git", "checkout", "--force", "main")
    hostile.try_run("git", "checkout", "--force", "hooked")
    trace.unlink()


@pytest.mark.all
def test_the_check_names_an_edit_that_git_does_not_see(branched: Clone) -> None:
    branched.edit("README.md", "# Plumb", "# Plump")
    make_stale(branched, "README.md")
    assert branched.run(*TOOLS["check"]).splitlines()[1:] == [
        "check: not committed yet: README.md",
        "check: git does not see that README.md changed; make it look: touch README.md",
    ]
