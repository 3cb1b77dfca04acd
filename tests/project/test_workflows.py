"""The workflow that runs a pull request's code has no write access; the other runs no such code."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clone import Clone
from tests.support.exercise import ROOT

FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml")}
WORKFLOWS: dict[str, Any] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {**WORKFLOWS["review"]["jobs"], **WORKFLOWS["comment"]["jobs"]}


def test_every_action_is_pinned_and_no_command_contains_text_from_a_pull_request() -> None:
    for step in [step for job in JOBS.values() for step in job["steps"]]:
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        assert "${{" not in step.get("run", "")


def test_the_workflows_can_write_only_comments_and_the_docs_list_every_permission() -> None:
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    rights = {
        (f"{name}.yml", f"{scope}: {right}")
        for name, workflow in WORKFLOWS.items()
        for place in [workflow, *workflow["jobs"].values()]
        for scope, right in place.get("permissions", {}).items()
    }
    assert {*re.findall(r"`(\w+\.yml)`: `([\w-]+: \w+)`", page)} == rights
    writing = {right for right in rights if not right[1].endswith(": read")}
    assert writing == {("comment.yml", "pull-requests: write")}
    assert not re.search("pull_request_target|secrets", TEXTS["review"])
    assert all("permissions" in workflow for workflow in WORKFLOWS.values())


def test_the_comment_workflow_runs_after_the_review_and_runs_no_code_of_a_pull_request() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert WORKFLOWS["comment"][True]["workflow_run"]["workflows"] == [WORKFLOWS["review"]["name"]]
    assert JOBS["comment"]["if"] == "github.event.workflow_run.event == 'pull_request'"
    download, comment = JOBS["comment"]["steps"]
    assert download["uses"].startswith("actions/download-artifact@")
    assert not re.search(r"python|make |bash|\./|eval|source", comment["run"])


def test_the_review_workflow_lints_and_tests_as_make_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [step["run"] for step in JOBS["test"]["steps"][3:] if step["run"] not in makefile] == []
    assert {"run": ".ci/run"} in JOBS["all"]["steps"]


linux = pytest.mark.skipif(sys.platform == "win32", reason="the workflow runs on Linux")


@linux
@pytest.mark.all
def test_a_pull_request_shows_its_report_or_the_error_that_prevented_it(branched: Clone) -> None:
    branched.run("git", "checkout", "--quiet", "better")
    summary = branched.path.parent / "GITHUB_STEP_SUMMARY"
    branched.environment |= {"BASE": "main", "HEAD": "HEAD", "LINKS": "https://example.org/raw"}
    branched.environment |= {summary.name: str(summary)}
    report, show, _, gate = JOBS["report"]["steps"][3:]

    def run(step: dict[str, Any]) -> int:
        # For a step without `shell`, GitHub's runner calls `bash -e`.
        return branched.try_run("bash", "-e", "-c", step["run"]).returncode

    assert [run(report), run(show), run(gate)] == [0, 0, 0]
    commit = branched.run("git", "rev-parse", "HEAD").strip()
    assert "| `train.lr` | `0.01` | `0.005` |" in summary.read_text()
    assert f"https://example.org/raw/{commit}/plots/" in summary.read_text()
    summary.unlink()
    (branched.path / "report" / "report.md").unlink()
    (branched.path / "dvc.lock").write_text("")
    branched.commit("A truncated lock")
    assert [run(report), run(show)] == [1, 0]
    said = "## ⛔ There is no report\n\n    report: dvc.lock: cut short"
    assert summary.read_text().startswith(said)
    assert [step.get("if") for step in (show, gate)] == ["always()"] * 2


@linux
def test_a_comment_notifies_nobody_and_a_long_one_ends_at_a_whole_character_with_a_note(
    tmp_path: Path,
) -> None:
    script = JOBS["comment"]["steps"][-1]["run"]
    text = script[script.index("sed 's/@/") : script.index("gh pr comment")]
    (tmp_path / "report").mkdir()
    cut = "\n\n**The report is longer than a comment can be and is cut here.**"
    for letter, kept, end in (("x", 59_993, ""), ("é", 29_996, cut)):
        report = "@all" + letter * (kept + 2 * bool(end))
        (tmp_path / "report" / "report.md").write_text(report, encoding="utf-8")
        Clone(tmp_path).run("bash", "-e", "-c", text)
        written = (tmp_path / "comment.md").read_text(encoding="utf-8")
        assert written.partition(" All of it is in ")[0] == f"@\u200ball{letter * kept}{end}"
