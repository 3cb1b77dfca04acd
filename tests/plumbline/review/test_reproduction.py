"""What is stale is named without the data; a clean run is compared with the committed results."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.review.diffs import differing_data
from plumbline.review.gate import Metric, Pictures, Rules
from plumbline.review.git import checkout_of, find_commit
from plumbline.review.reproduction import changed_files, problems, reproduce
from tests.support.clone import Clone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("sys.platform == 'win32'", reason="links need a right there"),
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # in DVC
]

RULES = Rules({"error": Metric(better="lower", tolerance=0.01, decides=True)}, Pictures(0.0))
# What the pipeline gives; `own` has no rule.
RUN = {"device": "cpu", "error": 1.0, "own": 2.0}
SCRIPT = f"""\
open('model', 'w').write(open('data/table').read())
open('metrics.json', 'w').write('{json.dumps(RUN)}')
"""
STAGE = {
    "cmd": "python code/make.py",
    "deps": ["code", "data/table"],
    "outs": ["model"],
    "metrics": [{"metrics.json": {"cache": False}}],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a project in a folder that has run; its code is a link to another folder.

    `dvc add` tracks its table.
    """
    root = tmp_path_factory.mktemp("template") / "root"
    clone = Clone(root / "project")
    for folder in (clone.path / ".dvc", clone.path / "data", root / "code"):
        folder.mkdir(parents=True)
    (root / "code" / "make.py").write_text(SCRIPT)
    (clone.path / "code").symlink_to("../code")
    (clone.path / "data" / "table").write_text("1\n")
    (clone.path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": STAGE}}))
    (clone.path / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (clone.path / ".dvc" / ".gitignore").write_text("/cache\n/tmp\n")
    clone.init("..")
    clone.run("dvc", "add", "--quiet", "data/table")
    clone.run("dvc", "repro", "--quiet")
    clone.run("git", "add", "--all", "..")
    clone.commit("A run")
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A copy of it, in which the process runs."""
    clone = Clone(tmp_path / "root" / "project")
    shutil.copytree(template, tmp_path / "root", symlinks=True)
    monkeypatch.chdir(clone.path)
    return clone


@pytest.fixture
def fresh(project: Clone, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A clone of it, which has no data and no cache; the process runs in it."""
    path = project.path.parents[1] / "fresh"
    project.run("git", "clone", "--quiet", project.path.parent.as_uri(), str(path))
    monkeypatch.chdir(path / "project")
    return Clone(path / "project")


def found() -> list[str]:
    with checkout_of(find_commit(None)) as checkout:
        return problems(checkout)


def differences() -> list[str]:
    """The differences of a clean run; one beyond the tolerances has a mark."""
    with checkout_of(find_commit("HEAD")) as checkout:
        listed = reproduce(checkout, RULES)
    return [f"{difference}{'' if difference.within else ' !'}" for difference in listed]


def test_a_changed_script_is_named_through_the_link_to_its_folder(project: Clone) -> None:
    assert found() == []
    Path("code/make.py").write_text(f"{SCRIPT}1\n")
    assert found() == ["make: ../code/make.py is modified"]
    project.run("git", "commit", "--quiet", "--all", "--message", "An edit without a run")
    assert found() == ["make: ../code/make.py is modified"]
    Path("code/make.py").write_text(f"{SCRIPT}# new\n")
    assert found() == ["make: only comments changed in code/make.py: make accept"]


def test_the_uncommitted_files_are_the_projects_and_those_it_links_to(project: Clone) -> None:
    for name in ("code/make.py", "code/other.py", "../beside", "dvc.yaml"):
        Path(name).write_text("")
    project.run("git", "add", "--all", "..")
    with checkout_of(find_commit(None)) as checkout:
        paths = (".", "code", "/elsewhere")
        names = changed_files(checkout, find_commit("HEAD"), checkout.head, *paths)
    assert names == ["../code/make.py", "../code/other.py", "dvc.yaml"]


def test_a_link_that_leads_out_of_the_commit_is_named_with_its_target(project: Clone) -> None:
    Path("data/table").unlink()
    Path("data/table").symlink_to("/nowhere/table")
    project.run("git", "add", "--force", "data/table")
    assert found() == ["data/table: a link to /nowhere/table, which is not in the commit"]


def test_an_output_that_is_gone_is_said_to_be_missing_with_the_cure(project: Clone) -> None:
    Path("metrics.json").unlink()
    assert found() == ["make: metrics.json is missing; dvc repro makes it"]
    project.commit("A training that failed")
    assert found() == ["make: metrics.json is missing; dvc repro makes it"]


def test_a_tracked_table_has_the_hash_of_its_dvc_file(project: Clone, fresh: Clone) -> None:
    assert found() == []
    (project.path / "data" / "table").write_text("2\n")
    project.run("dvc", "add", "--quiet", "data/table")
    shutil.copy(project.path / "data" / "table.dvc", "data")
    assert found() == ["make: data/table is modified"]


def test_a_clean_run_gets_a_tracked_table_from_the_cache_or_from_the_remote(
    project: Clone, fresh: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = differences()
    assert line.startswith("dvc repro failed: data/table: not in the cache, and dvc pull does not ")
    for clone in (project, fresh):
        clone.run("dvc", "remote", "add", "--default", "store", str(project.path.parent / "store"))
    project.run("dvc", "push", "--quiet", "data/table")
    assert differences() == []
    monkeypatch.chdir(project.path)
    shutil.rmtree(project.path.parent / "store")
    assert differences() == []


def test_data_on_disk_that_is_of_another_commit_is_named_with_the_cure(project: Clone) -> None:
    assert list(differing_data()) == []
    Path("data/table").write_text("2\n")
    cure = "on disk is not the one of this commit;"
    assert [*differing_data()] == [f"data/table {cure} dvc add it to keep it, or dvc checkout"]
    project.run("dvc", "repro", "--quiet", "--force", "make")
    project.run("git", "stash", "--quiet")
    assert f"model {cure} dvc checkout" in [*differing_data()]
    project.run("dvc", "checkout", "--quiet", "--force")
    assert [*differing_data()] == []


@pytest.mark.parametrize(
    ("committed", "lines"),
    [
        # On one device, a metric without a rule has to be the same.
        ({"error": 1.001, "own": 2.001},
         ["error: 1.001 -> 1.0, by 0.001", "own: 2.001 -> 2.0, by 0.001 !"]),
        # Across devices, only a tolerance decides.
        ({"device": "cuda", "error": 1.02, "own": 2.001},
         ["device: trained on cuda, this run on cpu", "error: 1.02 -> 1.0, by 0.02 !",
          "own: 2.001 -> 2.0, by 0.001"]),
    ],
)  # fmt: skip
def test_metrics_can_fail_and_other_bytes_are_just_listed(
    project: Clone, committed: dict[str, Any], lines: list[str]
) -> None:
    Path("metrics.json").write_text(json.dumps({**RUN, **committed}))
    Path("dvc.lock").unlink()
    project.commit("Forged")
    metrics = [f"metrics.json: {line}" for line in lines]
    assert differences() == [*metrics, "model: different bytes"]


@pytest.mark.all
def test_the_report_says_that_another_kind_of_device_trained(clone: Clone) -> None:
    metrics = {**json.loads((clone.path / "metrics.json").read_text()), "device": "cpu"}
    (clone.path / "metrics.json").write_text(json.dumps(metrics))
    clone.commit("Trained on a CPU")
    clone.edit("metrics.json", '"device": "cpu"', '"device": "cuda"')
    said = clone.run("python", "-m", "plumbline", "report", "HEAD")
    assert "\n- **Device**: the base was trained on `cpu`, this on `cuda`; " in said
