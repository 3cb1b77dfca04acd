"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from plumbline.core.files import replacing


def test_a_complete_file_replaces_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with replacing(tmp_path / "file") as partial:
        partial.write_text("new")
        assert (tmp_path / "file").read_text() == "old"
    assert (tmp_path / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine has no /dev/full")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    def save() -> None:
        with replacing(tmp_path / "file") as partial:
            partial.write_text("half")
            Path("/dev/full").write_text("of it")

    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError, match="No space left"):
        save()
    assert (tmp_path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_link_is_replaced_and_its_target_is_kept(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "file").symlink_to(tmp_path / "target")
    with replacing(tmp_path / "file") as partial:
        partial.write_text("new")
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "file").is_symlink()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with replacing(tmp_path / "plots" / "new" / "file") as partial:
        partial.write_text("new")
    assert (tmp_path / "plots" / "new" / "file").read_text() == "new"
