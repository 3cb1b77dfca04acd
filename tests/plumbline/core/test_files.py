"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from plumbline.core.files import replacing


def test_a_complete_file_replaces_the_old_one_and_makes_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for old, new in (None, "first"), ("first", "second"):
        with replacing(path) as partial:
            partial.write_text(new)
            assert (path.read_text() if path.exists() else None) == old
        assert path.read_text() == new
    assert list(path.parent.iterdir()) == [path]


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


@pytest.mark.parametrize("name", ["file", "file.partial"])
def test_a_link_at_the_file_or_at_its_partial_file_is_not_followed(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / name).symlink_to(tmp_path / "precious")
    with replacing(tmp_path / "file") as partial:
        partial.write_text("new")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "file").read_text() == "new"
    assert not (tmp_path / "file").is_symlink()
