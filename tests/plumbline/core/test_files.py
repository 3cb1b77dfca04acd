"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from plumbline.core.files import replacing


@pytest.mark.parametrize("name", ["file", "file.partial"])
def test_a_complete_file_replaces_the_old_one_and_follows_no_link(
    tmp_path: Path, name: str
) -> None:
    old, path = tmp_path / "old", tmp_path / "new" / "file"
    for content in "first", "second":
        with replacing(path) as partial:
            partial.write_text(content)
        assert path.read_text() == content
        old.write_text("old")
        path.with_name(name).unlink(missing_ok=True)
        path.with_name(name).symlink_to(old)
    assert old.read_text() == "old"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(tmp_path / "file") as partial:
        partial.write_text("half, and then a lone surrogate: \ud800")
    assert (tmp_path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
