"""The workflow that runs a stranger's code cannot write; the one that can write runs none of it."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.runner import applies, gh, run_job

FILES = {path.stem: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
WORKFLOWS: dict[str, Any] = {
    name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in FILES.items()
}
STEPS = {
    name: [step for job in workflow["jobs"].values() for step in job["steps"]]
    for name, workflow in WORKFLOWS.items()
}
each = pytest.mark.parametrize("name", sorted(FILES))


@each
def test_every_action_is_pinned_to_a_commit(name: str) -> None:
    for step in STEPS[name]:
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])


@each
def test_no_command_contains_text_from_a_pull_request(name: str) -> None:
    assert not [step["run"] for step in STEPS[name] if "${{" in step.get("run", "")]


def test_no_job_has_a_right_that_the_docs_do_not_list() -> None:
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^## The token's rights\n(.*?)(?:^## |\Z)", page, re.M | re.S)
    rights = {
        f"{name}.yml: `{scope}: {right}`"
        for name, workflow in WORKFLOWS.items()
        for place in [workflow, *workflow["jobs"].values()]
        for scope, right in place.get("permissions", {}).items()
    }
    assert {
        f"{a}: `{b}`" for a, b in re.findall(r"`(\w+\.yml)`: `([\w-]+: \w+)`", listed)
    } == rights


def test_the_review_workflow_can_only_read() -> None:
    review = WORKFLOWS["review"]
    assert review["permissions"] == {"contents": "read"}
    assert not [job for job in review["jobs"].values() if "permissions" in job]
    assert "pull_request_target" not in FILES["review"].read_text(encoding="utf-8")
    assert "secrets" not in FILES["review"].read_text(encoding="utf-8")


def test_the_comment_workflow_checks_out_no_code_and_runs_no_script() -> None:
    assert WORKFLOWS["comment"]["permissions"] == {}
    (download, comment) = STEPS["comment"]
    assert download["uses"].startswith("actions/download-artifact@")
    assert not re.search(r"python|make |bash|\./|eval|source", comment["run"])


def test_the_comment_workflow_waits_for_the_review_workflow() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert WORKFLOWS["comment"][True]["workflow_run"]["workflows"] == [WORKFLOWS["review"]["name"]]


def pull_request(origin: Clone, branch: str, fork: bool) -> dict[str, Any]:
    """The context of a pull request from main to the branch; a fork's is no branch of origin."""
    base, head = (origin.run("git", "rev-parse", name).strip() for name in ("main", branch))
    if fork:
        origin.run("git", "update-ref", "refs/pull/7/head", head)
        origin.run("git", "branch", "--quiet", "--delete", "--force", branch)
    pull = {
        "number": 7,
        "base": {"sha": base, "repo": {"full_name": "we/plumbline"}},
        "head": {"sha": head, "ref": branch, "repo": {"fork": fork}},
    }
    return context("pull_request", head, {"pull_request": pull})


def context(name: str, commit: str, event: dict[str, Any]) -> dict[str, Any]:
    site = {"server_url": "https://example.org", "repository": "we/plumbline", "token": "none"}
    return {"github": {"event_name": name, "event": event, "sha": commit, **site}}


def jobs_on(workflow: str, event: dict[str, Any]) -> list[str]:
    jobs = WORKFLOWS[workflow]["jobs"]
    return [name for name, job in jobs.items() if applies(job, event)]


def runs(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that runs a job's commands."""
    windows = pytest.mark.skipif(sys.platform == "win32", reason="the runner is one of Linux")
    return pytest.mark.slow(windows(test))


@runs
def test_a_push_runs_the_tests_in_a_fresh_clone(branches: Clone, tmp_path: Path) -> None:
    commit = branches.run("git", "rev-parse", "main").strip()
    push = context("push", commit, {"ref": "refs/heads/main", "after": commit})
    assert jobs_on("review", push) == ["test"]
    # The tests, this one among them, are found and not run.
    options = {"PYTEST_ADDOPTS": "--collect-only --quiet", "PIP_NO_INDEX": "1"}
    job = WORKFLOWS["review"]["jobs"]["test"]
    done = run_job(job, branches, push, tmp_path / "runner", **options)
    assert set(done.statuses.values()) == {0}, done.said
    assert len(done.statuses) == 5
    assert "tests/project/test_workflows.py" in done.said


@runs
def test_a_forks_pull_request_gets_its_report_as_a_comment(
    branches: Clone, copy_of: Callable[[Clone], Clone], tmp_path: Path
) -> None:
    origin = copy_of(branches)
    pull = pull_request(origin, "better", fork=True)
    assert jobs_on("review", pull) == ["test", "report"]
    job = WORKFLOWS["review"]["jobs"]["report"]
    done = run_job(job, origin, pull, tmp_path / "runner", PIP_NO_INDEX="1")
    assert set(done.statuses.values()) == {0}, done.said
    report = (tmp_path / "artifacts" / "report.md").read_text()
    assert done.summary == report
    head = pull["github"]["sha"]
    assert f"https://example.org/we/plumbline/raw/{head}/plots/" in report

    run = {"event": "pull_request", "head_branch": "better", "head_sha": head, "id": 1}
    finished = context("workflow_run", head, {"workflow_run": run})
    assert jobs_on("comment", finished) == ["comment"]
    job = WORKFLOWS["comment"]["jobs"]["comment"]
    path = gh(tmp_path / "bin", "7")
    done = run_job(job, origin, finished, tmp_path / "second", PATH=path)
    assert set(done.statuses.values()) == {0}, done.said
    second = tmp_path / "second" / "plumbline"
    assert (second / "said").read_text().startswith("pr comment 7 ")
    assert (second / "comment.md").read_text() == report.replace("@", "@\u200b")


@runs
@pytest.mark.parametrize(("bytes_", "cut"), [(60_000, False), (60_001, True)])
def test_a_comment_that_is_cut_says_so(
    branches: Clone, tmp_path: Path, bytes_: int, cut: bool
) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "report.md").write_text("x" * bytes_)
    run = {"event": "pull_request", "head_branch": "main", "head_sha": "0", "id": 1}
    finished = context("workflow_run", "0", {"workflow_run": run})
    path = gh(tmp_path / "bin", "7")
    job = WORKFLOWS["comment"]["jobs"]["comment"]
    done = run_job(job, branches, finished, tmp_path / "runner", PATH=path)
    assert set(done.statuses.values()) == {0}, done.said
    comment = (tmp_path / "runner" / "plumbline" / "comment.md").read_text()
    assert comment.startswith("x" * 60_000)
    assert ("is longer than a comment can be and is cut here" in comment) == cut


@runs
def test_a_pull_request_that_cannot_be_reported_on_fails_and_says_why(
    branches: Clone, copy_of: Callable[[Clone], Clone], tmp_path: Path
) -> None:
    origin = copy_of(branches)
    origin.run("git", "checkout", "--quiet", "-b", "cut")
    (origin.path / "dvc.lock").write_text("")
    origin.commit("A cut lock")
    pull = pull_request(origin, "cut", fork=False)
    job = WORKFLOWS["review"]["jobs"]["report"]
    done = run_job(job, origin, pull, tmp_path / "runner", PIP_NO_INDEX="1")
    assert done.statuses["Report"] == 1
    assert done.summary.startswith("## ⛔ There is no report\n\n    report: dvc.lock: cut short")
    assert (tmp_path / "artifacts" / "report.md").read_text() == done.summary


def test_a_push_is_not_commented_on() -> None:
    assert (
        jobs_on("comment", context("workflow_run", "", {"workflow_run": {"event": "push"}})) == []
    )
