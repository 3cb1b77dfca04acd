"""Changes between two versions of dvc.lock are found; half-written files of DVC are repaired."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.review.git import HERE
from plumbline.review.lock import (
    changed_sources,
    is_truncated,
    load_declared,
    recover,
    stage_changes,
)

FOLDER = {"path": "core", "hash": "md5", "md5": "0a.dir", "size": 9, "nfiles": 2}
REMOTE = {"path": "s3://bucket/table", "etag": "1e"}


def file(path: str) -> dict[str, Any]:
    return {"path": path, "hash": "md5", "md5": "0123456789ab", "size": 0}


STAGES: dict[str, Any] = {
    "make": {"cmd": "make a", "deps": [FOLDER, REMOTE], "outs": [file("a"), file("b")]},
    "use": {"cmd": ["use", "a"], "deps": [file("a")], "params": {"p": {"n": 1}},
            "outs": [file("c"), dict(FOLDER)]},
    "show": {"cmd": "show", "deps": [file("c")]},
}  # fmt: skip
TEXT = yaml.safe_dump({"schema": "2.0", "stages": STAGES}, sort_keys=False).encode()


def test_a_changed_source_is_a_changed_file_that_no_stage_produces() -> None:
    def lock(script: str, made: str) -> dict[str, Any]:
        outs = [{"path": "made", "md5": made}]
        deps = [{"path": "a.py", "md5": script}]
        return {"a": {"deps": deps, "outs": outs}, "b": {"deps": outs}}

    assert changed_sources(lock("1", "2"), lock("1", "3")) == []
    assert changed_sources(lock("1", "2"), lock("4", "2")) == ["a.py"]
    assert changed_sources({}, lock("1", "2")) == ["a.py"]


def test_a_stage_ran_if_its_lock_entry_changed() -> None:
    old = {"gone": {"cmd": 1}, "same": {"cmd": 1}, "other": {"cmd": 1}}
    new = {"same": {"cmd": 1}, "other": {"cmd": 2}, "added": {"cmd": 1}}
    became = {"gone": "removed", "same": "skipped", "other": "ran", "added": "new"}
    assert stage_changes(old, new) == became


@pytest.mark.parametrize(
    ("content", "truncated"),
    [
        (TEXT, False),
        (b"schema: '2.0'\nstages: {}\n", False),
        (b"<<<<<<< HEAD\n" + TEXT[:80], False),
        (b"", True),
        (b"schema: '2.0'\nstages:\n", True),
    ],
)
def test_a_complete_or_conflicted_lock_is_not_truncated(content: bytes, truncated: bool) -> None:
    assert is_truncated(content) == truncated


def test_if_a_truncation_is_not_noticed_each_entry_is_whole_or_lacks_an_outputs_hash() -> None:
    def hashes(entry: dict[str, Any]) -> set[tuple[str, str]]:
        return {(out["path"], out["md5"]) for out in entry.get("outs") or [] if "md5" in out}

    lengths = range(TEXT.index(b"  show:"))  # before the last stage, which has no outputs
    accepted = [length for length in lengths if not is_truncated(TEXT[:length])]
    assert len(accepted) < len(lengths) / 10
    for length in accepted:
        for name, entry in yaml.safe_load(TEXT[:length])["stages"].items():
            assert entry == STAGES[name] or hashes(entry) < hashes(STAGES[name])


def test_an_entry_of_a_stage_that_dvc_yaml_no_longer_has_is_left_out(folder: Path) -> None:
    write("dvc.lock", TEXT)
    write("dvc.yaml", b"stages: {use: {cmd: x}}")
    assert [*load_declared(HERE, "")] == ["use"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plumbline.review.lock.WRITE_SECONDS", 0.05)
    git("init", "--quiet")
    return tmp_path


def git(*arguments: str) -> None:
    person = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    subprocess.run(["git", *person, *arguments], check=True)


def write(path: str, content: bytes) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
    return Path(path)


@pytest.mark.slow
def test_complete_files_are_left_unchanged(repository: Path) -> None:
    assert list(recover()) == []
    files = {"dvc.lock": TEXT, ".dvc/tmp/rwlock": b'{"read": {}}'}
    paths = [write(name, content) for name, content in files.items()]
    assert list(recover()) == []
    assert [path.read_bytes() for path in paths] == [*files.values()]


@pytest.mark.slow
def test_a_truncated_lock_is_restored_from_the_index_or_from_the_last_commit(
    repository: Path,
) -> None:
    lock = write("dvc.lock", TEXT)
    git("add", "dvc.lock")
    lock.write_bytes(TEXT[:50])
    assert list(recover()) == ["dvc.lock: restored from git; a killed DVC left it half-written"]
    assert lock.read_bytes() == TEXT
    git("commit", "--quiet", "--message=lock")
    lock.write_bytes(TEXT[:50])
    git("add", "dvc.lock")
    assert len(list(recover())) == 1
    assert lock.read_bytes() == TEXT


@pytest.mark.slow
def test_a_truncated_lock_is_deleted_if_git_has_no_complete_version(repository: Path) -> None:
    for command in ("status", "add"):
        lock = write("dvc.lock", TEXT[:50])
        git(command, "dvc.lock")
        said = "deleted; a killed DVC left it half-written, and git has no complete one"
        assert list(recover()) == [f"dvc.lock: {said}"]
        assert not lock.exists()


@pytest.mark.parametrize("path", [".dvc/tmp/rwlock", ".dvc/cache/runs/0a/0a1b/.x1.tmp"])
@pytest.mark.slow
def test_other_half_written_files_are_deleted_even_above_the_project(
    repository: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    write(path, b"")
    Path("a/b").mkdir(parents=True)
    monkeypatch.chdir("a/b")
    assert list(recover()) == [f"../../{path}: deleted; a killed DVC left it half-written"]
    assert not (repository / path).exists()


@pytest.mark.slow
def test_a_lock_that_dvc_is_still_writing_is_left_unchanged(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = write("dvc.lock", b"")
    monkeypatch.setattr("time.sleep", lambda _: write("dvc.lock", TEXT))
    assert list(recover()) == []
    assert lock.read_bytes() == TEXT
