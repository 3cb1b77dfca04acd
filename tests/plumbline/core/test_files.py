"""A file is read only up to a size limit, and written whole or not at all."""

from pathlib import Path

import pytest

from plumbline.core.errors import UserError
from plumbline.core.files import read, replacing


@pytest.mark.parametrize("name", ["file", "file.partial"])
def test_writing_replaces_the_old_file_and_follows_no_link(tmp_path: Path, name: str) -> None:
    old, path = tmp_path / "old", tmp_path / "new" / "file"
    old.write_text("old")
    for content in "first", "second":
        with replacing(path) as partial:
            partial.write_text(content)
        assert path.read_text() == content
        path.with_name(name).unlink(missing_ok=True)
        path.with_name(name).symlink_to(old)
    assert old.read_text() == "old"


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("four")
    assert read(tmp_path / "file", 4) == b"four"
    with pytest.raises(UserError, match=r"[/\\]file: wanted at most 3 bytes, got more$"):
        read(tmp_path / "file", 3)


def test_a_failed_write_leaves_only_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(tmp_path / "file") as partial:
        partial.write_text("half, and then a lone surrogate: \ud800")
    assert (tmp_path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
