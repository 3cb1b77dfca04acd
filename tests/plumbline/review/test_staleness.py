"""What is stale is named as the project sees it, wherever its code is."""

import subprocess
from pathlib import Path

import pytest
import yaml

from plumbline.review.git import checkout_of, find_commit
from plumbline.review.staleness import problems

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
