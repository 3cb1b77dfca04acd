"""The check needs no data to find stale results; --full also compares results with a new run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.review.lock import recover
from tests.support.clone import Clone
from tests.support.small import write_results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # in DVC
]

FITS = "check: dvc.lock, metrics and pictures fit the parameters and the scripts"
STALE = "check: stages have not run since these changes; type: "
Plumbline = Callable[..., tuple[int, list[str]]]


def test_an_edited_comment_is_not_a_stale_result(small: Clone, plumbline: Plumbline) -> None:
    assert plumbline(small, "check") == (0, [FITS])
    script = Path("code/make.py")
    script.write_text("# A comment.\n" + script.read_text())
    edited = "  make: only comments changed in code/make.py: make accept"
    said = [f"{STALE}make accept, then commit", edited]
    assert plumbline(small, "check") == (1, said)
    # The gate still judges: neither a comment nor a missing `git add` makes results stale.
    small.run("git", "rm", "--quiet", "--cached", "a.png")
    assert plumbline(small, "gate", "HEAD")[0] == 0
    small.run("git", "add", "a.png")
    Path("metrics.json").write_text("{}\n")
    said = [f"{STALE}dvc repro, then commit", edited, "  make: metrics.json is modified"]
    assert plumbline(small, "check") == (1, said)


def test_the_check_names_uncommitted_files_and_edits_that_git_misses_and_data_of_another_commit(
    small: Clone, plumbline: Plumbline
) -> None:
    small.edit("params.yaml", "1", "3")
    small.repro()
    note = Path("note")
    note.write_text("old")
    small.run("git", "add", "note")
    small.run("git", "commit", "--quiet", "--message", "A note")
    note.write_text("new")
    small.hide_edit("note")
    Path("model").write_text("of another commit")
    index, status = Path("../.git/index"), small.run("git", "status", "--porcelain", ".")
    assert "note" not in status
    before = index.read_bytes()
    assert plumbline(small, "check") == (0, [
        FITS,
        "check: not committed yet: dvc.lock, note, params.yaml",
        "check: model on disk is not from this commit; dvc checkout to replace it",
        "check: git does not see that note changed; type: touch note",
    ])  # fmt: skip
    assert plumbline(small, "check", "HEAD") == (0, [FITS])
    assert index.read_bytes() == before
    assert list(recover()) == ["note: touched; git did not see that it had changed"]
    assert "note" in small.run("git", "status", "--porcelain", ".")


def test_a_truncated_lock_is_named_with_its_cure(small: Clone, plumbline: Plumbline) -> None:
    Path("dvc.lock").write_text("schema: '2.0'\nstages:\n")
    status, (line,) = plumbline(small, "check")
    cure = "git checkout dvc.lock, then dvc repro"
    assert (status, line) == (1, f"dvc.lock: cut short, because DVC was killed; {cure}")


def test_a_full_check_says_whether_results_are_identical_or_tolerated_or_different(
    small: Clone, plumbline: Plumbline
) -> None:
    run = "check: a clean run gives"
    assert plumbline(small, "check", "--full") == (0, [FITS, f"{run} the same bytes"])
    # `own` has no rule, so it has no tolerance.
    for metrics, said, line in (
        ({"error": 1.005}, "the same results within tolerance", "error: 1.005 -> 1.0, by 0.005"),
        ({"own": 2.001}, "different results", "own: 2.001 -> 2.0, by 0.001"),
    ):
        write_results(Path(), **metrics)
        small.run("dvc", "commit", "--force", "--quiet")
        small.commit("Forged")
        said = [FITS, f"{run} {said}", f"  metrics.json: {line}"]
        assert plumbline(small, "check", "--full") == ("own" in metrics, said)
