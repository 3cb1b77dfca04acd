"""In any type of clone, names lead to the commits that DVC finds; no program of a branch runs."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.review.git import HERE, checkout_of, find_base, find_commit, unnoticed_edits
from tests.support.clone import Clone
from tests.support.exercise import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A repository whose branch `work` left `main` at the tag `base`; each has one more commit."""
    clone = Clone(tmp_path / "origin")
    clone.init()
    monkeypatch.chdir(clone.path)
    for name, value in clone.environment.items():
        monkeypatch.setenv(name, value)
    clone.run("git", "config", "uploadpack.allowFilter", "true")
    for text, go_on in (("base", "tag base"), ("newer", "checkout -b work base"),
                        ("work", "checkout main")):  # fmt: skip
        Path("file").write_text(text)
        clone.commit(text)
        clone.run("git", *go_on.split())
    return clone


@pytest.fixture
def cloned(origin: Clone, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clone]:
    """A function that clones `origin` with these options, and changes to the clone's folder."""

    def cloned(*options: str) -> Clone:
        path = origin.path.parent / "clone"
        origin.run("git", "clone", "--quiet", *options, origin.path.as_uri(), str(path))
        monkeypatch.chdir(path)
        return Clone(path)

    return cloned


def refusal(name: str) -> str:
    with pytest.raises(ValueError, match="in this repository") as caught:
        find_commit(name)
    return str(caught.value)


def test_the_base_is_where_the_branch_left_main_and_newer_commits_are_noted(origin: Clone) -> None:
    base, main = find_commit("base"), find_commit("main")
    note = f"has 1 newer commit; compared with {base[:12]}, where this branch left it"
    assert find_base("main", find_commit("work")) == (base, note)
    assert find_base("base", find_commit("work")) == (base, "")
    origin.run("git", "checkout", "--quiet", "work")
    Path("file").write_text("edited")
    assert find_base("main", find_commit(None)) == (base, note)
    origin.commit("edited")
    # During a merge, the new commit has two parents.
    origin.try_run("git", "merge", "--quiet", "--no-commit", "main")
    origin.run("git", "add", "file")
    assert find_base("main", find_commit(None)) == (main, "")
    origin.run("git", "checkout", "--quiet", "--force", "--orphan", "other")
    origin.commit("No parent")
    said = "shares no commit with this branch; its latest commit is the base"
    assert find_base("main", find_commit("HEAD")) == (main, said)


@pytest.mark.parametrize("options", [(), ("--depth=1",)])
def test_the_error_in_a_single_branch_clone_contains_the_command_that_fetches_a_missing_branch(
    origin: Clone, cloned: Callable[..., Clone], options: tuple[str, ...]
) -> None:
    base = find_commit("base")
    clone = cloned("--single-branch", "--branch=work", *options)
    with checkout_of("HEAD") as checkout:
        assert (checkout.path / "file").read_text() == "work"
        assert checkout.git("log", "--format=%s").startswith(b"work\n")
    said, _, command = refusal("main").partition("; if origin has main: ")
    assert said == "main: no such revision in this repository; found work, origin/work"
    for no_branch in ("--nosuch", "HEAD~9"):
        cure = f"; if origin has {no_branch}: git fetch --unshallow" if options else "origin/work"
        assert refusal(no_branch).endswith(cure)
    clone.run(*command.split())
    assert find_base("main", find_commit("work"))[0] == base


def test_a_branch_of_a_remote_and_an_experiment_are_found_by_name(
    origin: Clone, cloned: Callable[..., Clone]
) -> None:
    base, work, clone = find_commit("base"), find_commit("work"), cloned()
    assert find_commit("work") == work
    clone.run("git", "update-ref", f"refs/exps/{work[:2]}/{work[2:]}/exotic-name", work)
    assert find_commit("exotic-name") == work
    clone.run("git", "update-ref", "refs/remotes/fork/work", base)
    said = "work: several revisions in this repository; found fork/work, origin/work"
    assert refusal("work") == said


def test_a_partial_clone_fetches_the_files_of_the_base(
    origin: Clone, cloned: Callable[..., Clone]
) -> None:
    clone = cloned("--filter=blob:none", "--no-checkout")
    clone.run("git", "config", "filter.own.smudge", "false")
    clone.run("git", "config", "filter.own.required", "true")
    Path(".git/info/attributes").write_text("* filter=own\n")
    with checkout_of("work") as checkout:
        base, _ = find_base("main", checkout.head)
        assert checkout.read(checkout.head, "file") == b"work"
        assert checkout.read(base, "file") == b"base"
        assert checkout.read(base, "nothing") is None


def test_an_edit_becomes_a_commit_and_without_an_edit_nothing_is_written(origin: Clone) -> None:
    before = [*Path(".git/objects").rglob("*")]
    assert find_commit(None) == find_commit("HEAD")
    assert [*Path(".git/objects").rglob("*")] == before
    Path("file").write_text("edited")
    with checkout_of(None) as checkout:
        assert (checkout.path / "file").read_text() == "edited"
    assert HERE.read("", "file") == b"edited"
    assert HERE.read("", "nothing") is None


def test_a_file_that_git_does_not_compare_is_treated_as_unchanged(origin: Clone) -> None:
    origin.run("git", "update-index", "--skip-worktree", "file")
    Path("file").write_text("edited")
    assert find_commit(None) == find_commit("HEAD")
    Path(".gitattributes").write_text("filtered filter=upper\n")
    origin.run("git", "config", "filter.upper.clean", "tr a-z A-Z")
    Path("filtered").write_text("filtered")
    os.utime("filtered", (1, 1))
    origin.commit("Filtered")
    assert origin.run("git", "show", "HEAD:filtered") == "FILTERED"
    assert find_commit(None) == find_commit("HEAD")
    assert unnoticed_edits() == []


def test_no_hook_filter_or_monitor_runs_where_plain_git_would_run_it(origin: Clone) -> None:
    program = Path("hooks/post-index-change")
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {origin.path.parent}/ran\nexit 1\n")
    program.chmod(0o755)
    Path(".gitattributes").write_text("file filter=own\n")
    origin.commit("Programs")
    for name in ("filter.own.clean", "filter.own.smudge"):
        origin.run("git", "config", "--file", "included", name, str(program.absolute()))
    origin.run("git", "config", "include.path", "../included")
    origin.run("git", "config", "core.fsmonitor", str(program.absolute()))
    origin.run("git", "config", "core.hooksPath", "hooks")
    Path("file").write_text("edited")
    for revision in (None, "HEAD"):
        with checkout_of(revision):
            unnoticed_edits()
    assert not Path("../ran").exists()
    origin.try_run("git", "checkout", "--quiet", "--force", "work")
    assert Path("../ran").exists()


def test_the_projects_settings_turn_autostage_off_even_if_the_users_settings_turn_it_on() -> None:
    assert "autostage = false" in (ROOT / ".dvc" / "config").read_text()


@pytest.mark.skipif(shutil.which("chown") is None, reason="chown is not installed")
def test_git_refuses_a_repository_that_somebody_else_owns(origin: Clone) -> None:
    if origin.try_run("chown", "-R", "12345", ".").returncode:
        pytest.skip("only root can change the owner of a file")
    with pytest.raises(ValueError, match="^fatal: detected dubious ownership in repository"):
        find_commit("main")
