"""The workflow that runs a stranger's code cannot write; the one that can write runs none of it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clone import Clone
from tests.support.exercise import ROOT

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


def test_the_comment_workflow_waits_for_the_review_of_a_pull_request() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert WORKFLOWS["comment"][True]["workflow_run"]["workflows"] == [WORKFLOWS["review"]["name"]]
    only = "github.event.workflow_run.event == 'pull_request'"
    assert [job["if"] for job in WORKFLOWS["comment"]["jobs"].values()] == [only]


def test_the_review_workflow_lints_and_tests_as_make_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for step in WORKFLOWS["review"]["jobs"]["test"]["steps"][3:]:
        assert step["run"] in makefile
    assert {"run": ".ci/run"} in WORKFLOWS["review"]["jobs"]["all"]["steps"]


def report_on(clone: Clone, branch: str) -> tuple[dict[str, int], str]:
    """The status of each named step of the report job for a branch, and what the job shows."""
    summary = clone.path.parent / "GITHUB_STEP_SUMMARY"
    revisions = {"BASE": "main", "HEAD": branch, "LINKS": "https://example.org/raw"}
    clone.environment |= {**revisions, summary.name: str(summary)}
    clone.run("git", "checkout", "--quiet", branch)
    statuses: dict[str, int] = {}
    for step in WORKFLOWS["review"]["jobs"]["report"]["steps"]:
        if "name" not in step or (any(statuses.values()) and step.get("if") != "always()"):
            continue
        if "run" in step:
            # Without `shell`, a runner calls `bash -e`.
            statuses[step["name"]] = clone.try_run("bash", "-e", "-c", step["run"]).returncode
    return statuses, summary.read_text()


linux = pytest.mark.skipif(sys.platform == "win32", reason="the runner is one of Linux")


@linux
@pytest.mark.all
def test_a_pull_request_shows_its_report(branched: Clone) -> None:
    statuses, shown = report_on(branched, "better")
    assert {*statuses.values()} == {0}
    assert "| `train.lr` | `0.01` | `0.005` |" in shown
    assert (
        f"https://example.org/raw/{branched.run('git', 'rev-parse', 'HEAD').strip()}/plots/"
        in shown
    )
    assert shown == (branched.path / "report" / "report.md").read_text()


@linux
@pytest.mark.all
def test_a_pull_request_that_cannot_be_reported_on_fails_and_says_why(branched: Clone) -> None:
    branched.run("git", "checkout", "--quiet", "-b", "cut")
    (branched.path / "dvc.lock").write_text("")
    branched.commit("A cut lock")
    statuses, shown = report_on(branched, "cut")
    assert statuses["Report"] == 1
    assert shown.startswith("## ⛔ There is no report\n\n    report: dvc.lock: cut short")


CUT = "\n\n**The report is longer than a comment can be and is cut here.**"


@linux
@pytest.mark.parametrize(
    ("report", "comment"),
    [
        ("@all" + "x" * 59_996, "@\u200ball" + "x" * 59_996),
        ("@all" + "é" * 30_000, "@\u200ball" + "é" * 29_998 + CUT),
    ],
    ids=["whole", "cut"],
)
def test_a_comment_calls_nobody_and_says_that_it_is_cut_between_two_characters(
    tmp_path: Path, report: str, comment: str
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text(report, encoding="utf-8")
    script = STEPS["comment"][-1]["run"]
    text = script[script.index("head --bytes") : script.index("gh pr comment")]
    subprocess.run(["bash", "-e", "-c", text], cwd=tmp_path, check=True)
    written = (tmp_path / "comment.md").read_text(encoding="utf-8")
    assert written.startswith(comment)
    assert (CUT in written) == (CUT in comment)
