"""A dvc.lock that contradicts itself, or that a killed DVC left cut, is told from a whole one."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.review.lock import contradictions, is_cut, recover


def test_two_hashes_for_one_file_are_a_contradiction() -> None:
    def lock(made: str, used: str) -> dict[str, object]:
        return {
            "make": {"outs": [{"path": "a", "md5": made}]},
            "use": {"deps": [{"path": "a", "md5": used}, {"path": "b.py", "md5": "3"}]},
        }

    assert list(contradictions(lock("1", "1"))) == []
    assert list(contradictions(lock("1", "2"))) == ["use: ran with another a than dvc.lock has"]


FOLDER = {"path": "core", "hash": "md5", "md5": "0a.dir", "size": 9, "nfiles": 2}
REMOTE = {"path": "s3://bucket/table", "etag": "1e"}


def file(path: str) -> dict[str, Any]:
    return {"path": path, "hash": "md5", "md5": "0123456789ab", "size": 1234}


LOCK = {
    "schema": "2.0",
    "stages": {
        "make": {"cmd": "make a", "deps": [FOLDER, REMOTE], "outs": [file("a"), file("b")]},
        "use": {"cmd": ["use", "a"], "deps": [file("a")], "params": {"p": {"n": 1}},
                "outs": [file("c"), FOLDER]},
        "show": {"cmd": "show", "deps": [file("c")]},
    },
}  # fmt: skip
TEXT = yaml.safe_dump(LOCK, sort_keys=False).encode()


def hashes(entry: dict[str, Any]) -> set[tuple[str, str]]:
    return {(out["path"], out["md5"]) for out in entry.get("outs") or [] if "md5" in out}


@pytest.mark.parametrize("lock", [LOCK, {"schema": "2.0", "stages": {}}])
def test_a_whole_lock_is_not_cut(lock: dict[str, Any]) -> None:
    assert not is_cut(yaml.safe_dump(lock, sort_keys=False).encode())


def test_a_merge_conflict_is_not_a_cut() -> None:
    assert not is_cut(b"<<<<<<< HEAD\n" + TEXT[:80])


@pytest.mark.parametrize("length", [0, 5, len("schema: '2.0'\n"), len("schema: '2.0'\nstages:\n")])
def test_a_lock_without_its_stages_is_cut(length: int) -> None:
    assert is_cut(TEXT[:length])


def test_a_lock_cut_anywhere_is_recognised_or_lacks_the_hash_of_an_output() -> None:
    stages: dict[str, Any] = LOCK["stages"]
    without_outputs = TEXT.index(b"  show:")
    recognised = 0
    for length in range(without_outputs):
        if is_cut(TEXT[:length]):
            recognised += 1
            continue
        for name, entry in yaml.safe_load(TEXT[:length])["stages"].items():
            assert entry == stages[name] or hashes(entry) < hashes(stages[name])
    assert recognised > without_outputs * 0.9


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plumbline.review.lock.PATIENCE", 0.05)
    subprocess.run(["git", "init", "--quiet"], check=True)
    return tmp_path


def write(path: str, text: bytes) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(text)
    return Path(path)


def test_nothing_is_done_where_nothing_is_cut(repository: Path) -> None:
    assert list(recover()) == []
    lock, rwlock = write("dvc.lock", TEXT), write(".dvc/tmp/rwlock", b'{"read": {}}')
    assert list(recover()) == []
    assert (lock.read_bytes(), rwlock.read_bytes()) == (TEXT, b'{"read": {}}')


def test_a_cut_lock_is_restored_from_git(repository: Path) -> None:
    lock = write("dvc.lock", TEXT)
    subprocess.run(["git", "add", "dvc.lock"], check=True)
    lock.write_bytes(TEXT[:50])
    assert list(recover()) == ["dvc.lock: restored from git; a killed DVC left it half-written"]
    assert lock.read_bytes() == TEXT


def test_a_cut_lock_that_was_added_is_restored_from_the_last_commit(repository: Path) -> None:
    lock = write("dvc.lock", TEXT)
    subprocess.run(["git", "add", "dvc.lock"], check=True)
    person = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    subprocess.run(["git", *person, "commit", "--quiet", "--message=lock"], check=True)
    lock.write_bytes(TEXT[:50])
    subprocess.run(["git", "add", "dvc.lock"], check=True)
    assert len(list(recover())) == 1
    assert lock.read_bytes() == TEXT


def test_a_cut_lock_that_git_lacks_or_has_cut_too_is_deleted(repository: Path) -> None:
    for _ in range(2):
        lock = write("dvc.lock", TEXT[:50])
        (line,) = recover()
        assert line == "dvc.lock: deleted; a killed DVC left it half-written, and git has none"
        assert not lock.exists()
        write("dvc.lock", TEXT[:50])
        subprocess.run(["git", "add", "dvc.lock"], check=True)


@pytest.mark.parametrize("path", [".dvc/tmp/rwlock", ".dvc/cache/runs/0a/0a1b/.x1.tmp"])
def test_what_else_is_half_written_is_deleted(repository: Path, path: str) -> None:
    cut = write(path, b"")
    assert list(recover()) == [f"{path}: deleted; a killed DVC left it half-written"]
    assert not cut.exists()


def test_the_files_of_dvc_may_be_above_the_project(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = write(".dvc/tmp/rwlock", b"")
    (repository / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir("a/b")
    (line,) = recover()
    assert line.startswith("../../.dvc/tmp/rwlock: deleted; ")
    assert not (repository / cut).exists()


def test_a_lock_that_dvc_is_writing_is_left_alone(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = write("dvc.lock", b"")
    monkeypatch.setattr("time.sleep", lambda _: write("dvc.lock", TEXT))
    assert list(recover()) == []
    assert lock.read_bytes() == TEXT
