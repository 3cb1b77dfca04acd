"""Pictures have the same bytes for every user, and show large data as a thousand dots."""

from pathlib import Path

import matplotlib
import numpy as np

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


def test_a_million_samples_are_thinned_to_a_thousand_dots_including_both_ends() -> None:
    n = 10**6
    (x,) = canvas.thin(np.arange(n, dtype=np.float32)[:, None])
    assert (len(x), x[0], x[-1]) == (canvas.DOTS, 0, n - 1)


def test_equal_values_get_an_axis_of_length_one() -> None:
    assert canvas.limits(np.full((3, 1), 2, np.float32)) == (1.5, 2.5)
