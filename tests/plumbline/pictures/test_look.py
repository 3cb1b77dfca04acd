"""Pictures have the same bytes for every user."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from plumbline.pictures import look

SIZE = look.Size(width=8, height=5, dpi=100)


def save_picture(path: Path) -> bytes:
    figure, (axes,) = look.new_picture(SIZE, "title", ["x"], "y")
    axes.plot([0, 1], [0, 1])
    look.save_picture(path, figure)
    return path.read_bytes()


@pytest.mark.slow
def test_a_users_matplotlib_settings_change_no_byte(tmp_path: Path) -> None:
    first = save_picture(tmp_path / "first.png")
    with matplotlib.rc_context({"font.family": "monospace", "lines.linewidth": 9}):
        assert save_picture(tmp_path / "second.png") == first


def test_a_million_samples_are_thinned_to_a_thousand_dots_including_both_ends() -> None:
    n = 10**6
    (x,) = look.thin(np.arange(n, dtype=np.float32)[:, None])
    assert (len(x), x[0], x[-1]) == (look.DOTS, 0, n - 1)


def test_equal_values_of_any_size_get_an_axis_around_them() -> None:
    assert look.limits(np.full((3, 1), 2, np.float32)) == (1.5, 2.5)
    low, high = look.limits(np.full((3, 1), -1e30, np.float32))
    assert low < -1e30 < high


STEPS = [(0.00647, 0.01), (0.01, 0.02), (0.99, 1), (1, 2), (2.5, 5), (5, 10), (3e38, 5e38)]


@pytest.mark.parametrize(("value", "step"), [(0, 1), (1e-45, 2e-45), *STEPS])
def test_the_step_above_a_value_is_the_next_of_1_2_5(value: float, step: float) -> None:
    assert look.step_above(value) == step


@pytest.mark.parametrize(("value", "step"), [(0.0035, 0.002), (0.001, 0.0005), (7, 5), (1e9, 5e8)])
def test_the_step_below_a_value_is_the_last_of_1_2_5(value: float, step: float) -> None:
    assert look.step_below(value) == pytest.approx(step)
