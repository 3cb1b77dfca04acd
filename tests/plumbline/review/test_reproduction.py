"""What is stale is named; a clean run is compared with the committed results."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.review.gate import Change, Metric, Pictures, Rules, other_device
from plumbline.review.git import checkout_of, find_commit
from plumbline.review.reproduction import problems, reproduce
from tests.support.clone import Clone

RULES = Rules({"error": Metric(better="lower", tolerance=0.01, decides=True)}, Pictures(0.0))
# What the pipeline gives; `own` has no rule.
RUN = {"device": "cpu", "error": 1.0, "own": 2.0}
STAGES = {"make": {"cmd": "python make.py", "metrics": [{"metrics.json": {"cache": False}}]}}


@pytest.fixture
def differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The differences of a run from committed metrics; one beyond the tolerances has a mark."""
    monkeypatch.chdir(tmp_path)

    def differences(**committed: Any) -> list[str]:
        Path(".dvc").mkdir()
        Path("make.py").write_text(f"open('metrics.json', 'w').write('{json.dumps(RUN)}')")
        Path("dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}))
        Path("metrics.json").write_text(json.dumps({**RUN, **committed}))
        person = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
        for command in (("init", "--quiet"), ("add", "."), (*person, "commit", "--quiet", "-mx")):
            subprocess.run(("git", *command), check=True)
        with checkout_of(find_commit("HEAD")) as checkout:
            found = reproduce(checkout, RULES)
        return [f"{difference}{'' if difference.within else ' !'}" for difference in found]

    return differences


def device(old: str | None, new: str | None) -> list[Change]:
    return [Change("error", 1, 1), Change("device", old, new)]


def test_two_kinds_of_device_are_told_from_one_and_from_an_unknown_one() -> None:
    assert other_device(device("cpu", "cuda")) == Change("device", "cpu", "cuda")
    assert other_device(device("cpu", "cpu")) is None
    assert other_device(device(None, "cuda")) is None
    assert other_device([]) is None


@pytest.mark.slow
def test_on_one_device_a_metric_without_a_rule_has_to_be_the_same(
    differences: Callable[..., list[str]],
) -> None:
    assert differences(error=1.001, own=2.001) == [
        "metrics.json: error: 1.001 -> 1.0, by 0.001",
        "metrics.json: own: 2.001 -> 2.0, by 0.001 !",
    ]


@pytest.mark.slow
def test_across_devices_only_a_tolerance_decides(differences: Callable[..., list[str]]) -> None:
    assert differences(device="cuda", error=1.02, own=2.001) == [
        "metrics.json: device: trained on cuda, this run on cpu",
        "metrics.json: error: 1.02 -> 1.0, by 0.02 !",
        "metrics.json: own: 2.001 -> 2.0, by 0.001",
    ]


@pytest.mark.all
def test_the_report_says_that_another_kind_of_device_trained(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    metrics = {**json.loads((clone.path / "metrics.json").read_text()), "device": "cpu"}
    (clone.path / "metrics.json").write_text(json.dumps(metrics))
    clone.commit("Trained on a CPU")
    assert "**Device**" not in clone.run("python", "-m", "plumbline", "report", "HEAD")
    clone.edit("metrics.json", '"device": "cpu"', '"device": "cuda"')
    said = clone.run("python", "-m", "plumbline", "report", "HEAD")
    assert "\n- **Device**: the base was trained on `cpu`, this on `cuda`; " in said


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("sys.platform == 'win32'", reason="links need a right there"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder that has run and is committed; its code is a link to another folder."""
    folder = tmp_path / "project"
    for place in (folder / ".dvc", tmp_path / "code"):
        place.mkdir(parents=True)
    (tmp_path / "code" / "make.py").write_text("open('note', 'w').close()")
    (folder / "code").symlink_to("../code")
    stage = {"cmd": "python code/make.py", "deps": ["code"], "outs": [{"note": {"cache": False}}]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    (folder / ".dvc" / "config").touch()
    monkeypatch.chdir(folder)
    subprocess.run(("git", "init", "--quiet", ".."), check=True)
    subprocess.run(("dvc", "repro", "--quiet"), check=True)
    commit("A run")
    return folder


def commit(message: str) -> None:
    person = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    subprocess.run(("git", "add", "--all", ".."), check=True)
    subprocess.run(("git", *person, "commit", "--quiet", "-m", message), check=True)


def found() -> list[str]:
    with checkout_of(find_commit(None)) as checkout:
        return problems(checkout)


def test_a_project_that_has_run_is_not_stale(project: Path) -> None:
    assert found() == []


def test_a_changed_script_is_named_through_the_link_to_its_folder(project: Path) -> None:
    (project / "code" / "make.py").write_text("open('note', 'w').close(), 1")
    assert found() == ["make: ../code/make.py is modified"]
    commit("An edit without a run")
    assert found() == ["make: ../code/make.py is modified"]


def test_a_changed_comment_is_told_from_changed_code_through_the_link(project: Path) -> None:
    (project / "code" / "make.py").write_text("open('note', 'w').close()  # new")
    assert found() == ["make: only comments changed in code/make.py: make accept"]


def test_the_uncommitted_files_are_the_projects_and_those_it_links_to(project: Path) -> None:
    for name in ("code/make.py", "code/other.py", "../beside", "dvc.yaml"):
        (project / name).write_text("")
    subprocess.run(("git", "add", "--all", ".."), check=True)
    with checkout_of(find_commit(None)) as checkout:
        names = checkout.changed(find_commit("HEAD"), checkout.head, ".", "code", "/elsewhere")
    assert names == ["../code/make.py", "../code/other.py", "dvc.yaml"]
