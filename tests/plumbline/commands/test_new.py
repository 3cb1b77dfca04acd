"""A project is made whole or not at all, and gets a later library without losing a line."""

import shutil
from pathlib import Path

import pytest

from plumbline.wheel import build_wheel, wheel_path
from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.projects import of_a_checkout

pytestmark = [pytest.mark.slow, of_a_checkout]


def new(*arguments: str | Path) -> str:
    return Clone(ROOT).run("python", "-m", "plumbline", "new", *map(str, arguments))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "my table.csv"
    path.write_bytes(b",size,age of house,price\r\n0,80,20,400\r\n1,120,5,700\r\n2,95,50,n/a\r\n")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Clone:
    """A new project whose files are committed."""
    made = Clone(tmp_path / "mine")
    new(made.path)
    made.run("git", "config", "user.name", "A Person")
    made.run("git", "config", "user.email", "person@example.org")
    made.commit("A new project")
    return made


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            "--table TABLE --target prize",
            '--target: TABLE has no column "prize"; the most similar is "price"',
        ),
        ("--table TABLE --target price", "TABLE: column price, row 3 below the header: wanted "),
        ("--table none.csv --target price", "none.csv: no such file"),
        ("--table TABLE", "wanted --table and --target together"),
        ("--model resnet", "--model: wanted one of linear, parameters, mlp, got resnet"),
    ],
)
def test_what_load_or_train_would_refuse_makes_no_project(
    tmp_path: Path, table: Path, arguments: str, error: str
) -> None:
    words = [word.replace("TABLE", str(table)) for word in arguments.split()]
    command = ["python", "-m", "plumbline", "new", str(tmp_path / "mine"), *words]
    done = Clone(ROOT).try_run(*command)
    assert done.returncode == 1
    assert done.stdout.startswith("new: ")
    assert error.replace("TABLE", str(table)) in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert [*tmp_path.iterdir()] == [table]


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note").touch()
    with pytest.raises(AssertionError, match="wanted a new or an empty folder"):
        new(tmp_path)
    assert [*tmp_path.iterdir()] == [tmp_path / "note"]


def test_a_table_keeps_its_bytes_in_git_and_its_index_is_left_out(
    tmp_path: Path, table: Path
) -> None:
    table.write_bytes(table.read_bytes().replace(b"n/a", b"300"))
    made = Clone(tmp_path / "mine")
    said = new(made.path, "--table", table, "--target", "price")
    assert said.startswith('target "price"; features "size", "age of house"; left out: "" (')
    made.run("git", "add", "--all")
    stored = made.run("git", "hash-object", "--no-filters", "data/my-table.csv")
    assert made.run("git", "rev-parse", ":data/my-table.csv") == stored


def test_a_folder_in_a_repository_gets_no_repository_of_its_own_unless_it_is_ignored(
    project: Clone,
) -> None:
    new(project.path / "inside")
    new(project.path / "report" / "ignored")
    assert not (project.path / "inside" / ".git").exists()
    assert (project.path / "report" / "ignored" / ".git").is_dir()


@pytest.fixture
def release(tmp_path: Path) -> Clone:
    """A later checkout: with another library, another stage and a new parameter."""
    others = shutil.ignore_patterns(".git", ".venv", ".*_cache", "cache", "tmp", "examples")
    clone = Clone(Path(shutil.copytree(ROOT, tmp_path / "release", ignore=others)))
    clone.edit("plumbline/history.py", '"""', '"""Now better. ')
    clone.edit("stages/verify.py", '"""', '"""Now better. ')
    clone.edit("params.yaml", "train:\n", "train:\n  decay: 0\n")
    return clone


def update(release: Clone, project: Clone, *options: str) -> str:
    return release.run("python", "-m", "plumbline", "update", str(project.path), *options)


def listed(said: str) -> list[str]:
    return [line[2:] for line in said.splitlines() if line.startswith("  ")]


def test_an_update_replaces_the_library_and_names_what_new_would_write_otherwise(
    project: Clone, release: Clone
) -> None:
    project.edit("params.yaml", "train:\n", "train:  # mine\n")
    project.edit("stages/loop.py", '"""', '"""My own. ')
    project.commit("My own")
    said = update(release, project)
    assert listed(said) == ["stages/verify.py", "params.yaml"]
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


def test_a_file_stays_listed_until_it_is_taken_or_all_are_merged(
    project: Clone, release: Clone
) -> None:
    project.edit("params.yaml", "train:\n", "train:  # mine\n")
    project.commit("My own")
    said = update(release, project)
    project.commit("A later library")
    again = update(release, project)
    assert listed(again) == listed(said) == ["stages/verify.py", "params.yaml"]
    assert again.index("copy them") < again.index("verify.py") < again.index("merge them")
    assert f"new ../fresh/{project.path.name} --model linear" in said
    shutil.copy(release.path / "stages" / "verify.py", project.path / "stages")
    project.commit("Taken")
    assert listed(update(release, project)) == ["params.yaml"]
    project.commit("Noted")
    assert "is up to date" in update(release, project, "--merged")
    project.commit("Merged")
    assert update(release, project) == f"update: {project.path} is up to date\n"


def test_an_update_writes_nothing_where_git_could_not_undo_it(
    project: Clone, release: Clone
) -> None:
    (project.path / "note").touch()
    before = project.run("git", "status", "--porcelain")
    done = release.try_run("python", "-m", "plumbline", "update", str(project.path))
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert "wanted all changes committed" in done.stdout
    assert project.run("git", "status", "--porcelain") == before
