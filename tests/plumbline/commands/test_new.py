"""`new` makes a complete project or none, and `update` keeps the user's edits."""

import re
import shutil
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from plumbline.commands import new, update
from plumbline.core.errors import UserError
from plumbline.wheel import build_wheel, wheel_path
from tests.support.clone import Clone
from tests.support.projects import make_release, only_in_this_checkout

pytestmark = [pytest.mark.slow, only_in_this_checkout]

TABLE = "my table.csv"


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a table that has an index column and a gap."""
    monkeypatch.chdir(tmp_path)
    text = ",size,age of house,price\r\n0,80,20,400\r\n1,120,5,700\r\n2,95,50,n/a\r\n"
    Path(TABLE).write_text(text, newline="")


def make(*arguments: str) -> Clone:
    parser = ArgumentParser()
    new.add_arguments(parser)
    new.main(parser.parse_args(arguments))
    return Clone(Path(arguments[0]).absolute())


@pytest.fixture
def project() -> Clone:
    """A new project with edits by its user, all committed."""
    made = make("mine")
    made.init()
    made.edit("params.yaml", "train:\n", "train:  # mine\n")
    made.edit("stages/loop.py", '"""', '"""My own. ')
    made.commit("My own")
    return made


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["mine", "--table", TABLE, "--target", "prize"],
         f'{TABLE} has no column "prize"; the most similar is "price"'),
        (["mine", "--table", TABLE, "--target", "price"],
         f"{TABLE}: column price, row 3 below the header: wanted "),
        (["mine", "--table", TABLE], "wanted --table and --target together"),
        (["mine", "--model", "net"], "--model: wanted one of linear, parameters, mlp, got net"),
        (["."], "wanted a new or empty folder"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_and_no_project_is_made(
    arguments: list[str], error: str
) -> None:
    with pytest.raises(UserError, match=f"^.*{re.escape(error)}.*$"):
        make(*arguments)
    assert [*Path().iterdir()] == [Path(TABLE)]


def test_a_table_keeps_its_bytes_in_git_and_its_index_is_not_a_feature(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path(TABLE).write_bytes(Path(TABLE).read_bytes().replace(b"n/a", b"300"))
    made = make("mine", "--table", TABLE, "--target", "price")
    said = capsys.readouterr().out
    assert said.startswith('target "price"; features "size", "age of house"; left out: "" (')
    made.run("git", "add", "--all")
    stored = made.run("git", "hash-object", "--no-filters", "data/my-table.csv")
    assert made.run("git", "rev-parse", ":data/my-table.csv") == stored


def test_a_project_in_a_repository_gets_its_own_repository_only_if_it_is_ignored(
    project: Clone,
) -> None:
    inside, ignored = make("mine/inside"), make("mine/report/ignored")
    assert not (inside.path / ".git").exists()
    assert (ignored.path / ".git").is_dir()


def listed(said: str) -> list[str]:
    return [line[2:] for line in said.splitlines() if line.startswith("  ")]


def test_an_update_replaces_the_library_and_lists_changed_files_until_they_are_taken(
    project: Clone, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "release")
    release.edit("stages/verify.py", '"""', '"""Now better. ')
    release.edit("params.yaml", "train:\n", "train:\n  decay: 0\n")
    shutil.move(release.path / "stages" / "generate.py", release.path / "stages" / "make.py")
    command = ("python", "-m", "plumbline", "update", str(project.path))
    said = release.run(*command)
    changed = project.run("git", "status", "--porcelain", "--no-renames", "-uall").splitlines()
    (wheel,) = project.path.glob("vendor/*.whl")
    assert sorted(changed) == [
        f" D {wheel_path(build_wheel()[0])}",
        " M requirements.txt",
        " M vendor/made.json",
        " M versions.yaml",
        f"?? vendor/{wheel.name}",
    ]
    for name in ("requirements.txt", "versions.yaml"):
        assert wheel.name.split("-")[1] in (project.path / name).read_text()
    project.commit("A later library")

    assert listed(said) == [
        "params.yaml: merge it: you changed it too",
        "stages/generate.py: delete it: a new project does not have it",
        "stages/make.py: copy it",
        "stages/verify.py: copy it",
    ]
    assert listed(release.run(*command)) == listed(said)
    assert "new ../fresh/mine --model linear" in said
    project.edit("stages/verify.py", '"""', '"""Now better. ')
    shutil.move(project.path / "stages" / "generate.py", project.path / "stages" / "make.py")
    project.commit("Taken")
    assert [line.split(":")[0] for line in listed(release.run(*command))] == ["params.yaml"]
    project.commit("Noted")
    assert "is up to date" in release.run(*command, "--merged")
    project.commit("Merged")
    assert release.run(*command) == f"update: {project.path} is up to date\n"


def test_an_update_refuses_uncommitted_changes_and_an_unknown_version(project: Clone) -> None:
    options = Namespace(folder=project.path, merged=False)
    project.edit("requirements.txt", "+h", "+x")
    with pytest.raises(UserError, match="wanted all changes committed"):
        update.main(options)
    project.commit("A different library")
    with pytest.raises(UserError, match=r"requirements.txt: wanted the version 1.* exactly once"):
        update.main(options)
    assert project.run("git", "status", "--porcelain") == ""
