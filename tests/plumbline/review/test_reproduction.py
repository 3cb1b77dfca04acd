"""Stale results are found without data; a clean run is compared with the committed results."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from plumbline.review.dvc_repo import damaged_objects, stale_data
from plumbline.review.gate import Metric, Pictures, Rules
from plumbline.review.git import HERE, checkout_of, find_commit
from plumbline.review.lock import output_hashes
from plumbline.review.reproduction import changed_files, problems, reproduce
from tests.support.clone import Clone
from tests.support.small import SCRIPT, write_results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # in DVC
]

RULES = Rules({"error": Metric(better="lower", tolerance=0.01, decides=True)}, Pictures(0.01))


def found(revision: str | None = None) -> list[str]:
    with checkout_of(revision) as checkout:
        return problems(checkout)


def differences() -> list[str]:
    """The differences of a clean run; those beyond the tolerances end with ` !`."""
    with checkout_of("HEAD") as checkout:
        listed = reproduce(checkout, RULES)
    return [f"{difference}{'' if difference.within else ' !'}" for difference in listed]


links = pytest.mark.skipif("sys.platform == 'win32'", reason="Windows restricts links")


@pytest.fixture
def linked(small: Clone) -> Clone:
    """The small project, with `code` replaced by a link to a folder outside of the project."""
    shutil.move("code", "../code")
    Path("code").symlink_to("../code")
    small.run("git", "add", "--all", "..")
    small.commit("A link")
    return small


@links
def test_a_changed_script_is_found_through_a_link_to_its_folder(linked: Clone) -> None:
    assert found() == []
    Path("code/make.py").write_text(f"{SCRIPT}1\n")
    assert found() == ["make: ../code/make.py is modified"]
    linked.run("git", "commit", "--quiet", "--all", "--message", "An edit without a run")
    assert found() == ["make: ../code/make.py is modified"]
    Path("code/make.py").write_text(f"{SCRIPT}# new\n")
    assert found() == ["make: only comments changed in code/make.py: make accept"]


@links
def test_uncommitted_files_are_found_in_the_project_and_in_linked_folders(linked: Clone) -> None:
    for name in ("code/other.py", "../beside", "dvc.yaml"):
        Path(name).write_text("")
    linked.run("git", "add", "--all", "..")
    with checkout_of(None) as checkout:
        paths = (".", "code", "/elsewhere")
        names = changed_files(checkout, find_commit("HEAD"), checkout.head, *paths)
    assert names == ["../code/other.py", "dvc.yaml"]


@links
def test_a_link_to_a_file_outside_the_commit_is_named_with_its_target(small: Clone) -> None:
    Path("data/table").unlink()
    Path("data/table").symlink_to("/nowhere/table")
    small.run("git", "add", "--force", "data/table")
    assert found() == ["data/table: a link to /nowhere/table, which is not in the commit"]


def test_an_output_missing_from_the_commit_is_named_with_the_cure(small: Clone) -> None:
    small.run("git", "rm", "--quiet", "--cached", "metrics.json")
    assert found() == ["make: metrics.json is not in the commit; git add it"]
    small.run("git", "commit", "--quiet", "--message", "Without it")
    # The file in the working folder may differ from the revision's, so `git add` is no cure.
    assert found("HEAD") == ["make: metrics.json is missing; dvc repro makes it"]


def test_a_tracked_table_is_checked_by_its_dvc_file_and_fetched_from_cache_or_remote(
    small: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Clone(small.path.parents[1] / "fresh" / small.path.name)
    small.run("git", "clone", "--quiet", small.path.parent.as_uri(), str(fresh.path.parent))
    monkeypatch.chdir(fresh.path)
    assert found() == []
    (line,) = differences()
    assert line.startswith("dvc repro failed: data/table: neither in the cache nor in the remote")
    for clone in (small, fresh):
        clone.run("dvc", "remote", "add", "--default", "store", str(small.path.parent / "store"))
    small.run("dvc", "push", "--quiet", "data/table")
    assert differences() == []
    (small.path / "data" / "table").write_text("2\n")
    small.run("dvc", "add", "--quiet", "data/table")
    shutil.copy(small.path / "data" / "table.dvc", "data")
    assert found() == ["make: data/table is modified"]
    monkeypatch.chdir(small.path)
    shutil.rmtree(small.path.parent / "store")
    assert differences() == []


def test_data_from_a_different_commit_is_named_with_the_cure(small: Clone) -> None:
    assert list(stale_data()) == []
    Path("data/table").write_text("2\n")
    said, cure = "on disk is not from this commit;", "dvc checkout to replace it"
    assert [*stale_data()] == [f"data/table {said} dvc add it to keep it, or {cure}"]
    small.run("dvc", "checkout", "--quiet", "--force")
    Path("model").write_text("2\n")
    Path("metrics.json").write_text("in git, so it is not data")
    assert [*stale_data()] == [f"model {said} {cure}"]


def test_a_damaged_object_in_the_cache_is_named_with_the_cure(small: Clone) -> None:
    hashes = output_hashes(HERE.stages("dvc.lock"))
    stored = Path(".dvc/cache/files/md5", hashes["model"][:2], hashes["model"][2:])
    stored.chmod(0o644)
    stored.write_text("2\n")
    stored.chmod(0o444)
    cure = f"damaged in the cache; delete it and {stored.absolute()}, then dvc repro"
    assert list(damaged_objects(hashes)) == [f"model: {cure}"]
    stored.unlink()
    Path("model").unlink()
    small.repro()
    assert Path("model").read_text() == "1\n"
    assert list(damaged_objects(hashes)) == []


def test_on_a_new_device_only_pictures_and_metrics_with_a_tolerance_can_fail(small: Clone) -> None:
    write_results(Path(), device="cuda", error=1.02, own=2.001)
    Path("model").write_text("2\n")
    with Image.open("a.png") as picture:
        picture.paste("white", (0, 0, 2, 1))
        picture.save("a.png")
    small.run("dvc", "commit", "--force", "--quiet")
    small.commit("Forged")
    assert differences() == [
        "a.png: 2.000% of the pixels differ !",
        "metrics.json: device: trained on cuda, this run on cpu",
        "metrics.json: error: 1.02 -> 1.0, by 0.02 !",
        "metrics.json: own: 2.001 -> 2.0, by 0.001",
        "model: different bytes",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("params.yaml", "1", "2", "params.yaml: lr is modified"),
        ("dvc.yaml", "python code", "python  code", "changed command"),
        ("metrics.json", "1", "2", "metrics.json is modified"),
        ("dvc.lock", "make:", "old:", "dvc.lock has no such stage"),
    ],
)
def test_each_reason_for_stale_results_is_named_with_its_stage(
    small: Clone, name: str, old: str, new: str, said: str
) -> None:
    small.edit(name, old, new)
    assert found() == [f"make: {said}"]


def test_a_lock_that_contradicts_itself_is_stale(small: Clone) -> None:
    with Path("dvc.yaml").open("a") as file:
        file.write("  use: {cmd: cat model > use, deps: [model], outs: [use]}\n")
    small.run("dvc", "repro", "--quiet")
    assert found() == []
    lock = Path("dvc.lock")
    first, _, use = lock.read_text().partition("  use:")
    lock.write_text(first + "  use:" + re.sub("md5: [0-9a-f]+", f"md5: {'a' * 32}", use, count=1))
    assert found() == ["use: ran with a different model than the one in dvc.lock"]
