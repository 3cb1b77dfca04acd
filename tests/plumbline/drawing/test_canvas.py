"""Pictures have the same bytes for every user."""

from pathlib import Path

import matplotlib

from plumbline.drawing import canvas

SIZE = canvas.Size(width=8, height=5, dpi=100)


def save_picture(path: Path) -> bytes:
    figure, (axes,) = canvas.new_figure(SIZE, "title", ["x"], "y")
    axes.plot([0, 1], [0, 1])
    canvas.save(path, figure)
    return path.read_bytes()


def test_a_users_matplotlib_settings_change_no_byte(tmp_path: Path) -> None:
    first = save_picture(tmp_path / "first.png")
    with matplotlib.rc_context({"font.family": "monospace", "lines.linewidth": 9}):
        assert save_picture(tmp_path / "second.png") == first
