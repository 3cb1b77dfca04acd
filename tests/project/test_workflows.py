"""The workflow that runs a stranger's code cannot write; the one that can write runs none of it."""

import re
from typing import Any

import pytest
import yaml

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
