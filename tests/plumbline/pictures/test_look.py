"""Pictures have the same bytes for every user, any name of a column, and axes that compare."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager

from plumbline.pictures import look

SIZE = look.Size(width=8, height=5, dpi=100)


def save(path: Path, x: str = "x") -> bytes:
    figure, (axes,) = look.new_picture(SIZE, "title", [x], ["y"])
    axes.plot([0, 1], [0, 1])
    look.save_picture(path, figure)
    return path.read_bytes()


@pytest.mark.slow
def test_a_users_matplotlib_settings_change_no_byte(tmp_path: Path) -> None:
    first = save(tmp_path / "first.png")
    with matplotlib.rc_context({"font.family": "monospace", "lines.linewidth": 9}):
        assert save(tmp_path / "second.png") == first


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (r"$\frac$", r"\$\frac\$"),
        ("price\n (USD)", "price (USD)"),
        ("\x1b", r"\x1b"),
        ("价格", r"\u4ef7\u683c"),
        ("x" * 200, "x" * 75 + "\n" + "x" * 75 + "\n..."),
        ("a_" * 40, "a_" * 38 + "\n" + "a_" * 2),
    ],
)
def test_any_name_of_a_column_is_drawn_without_a_warning(
    name: str, label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    _, (axes,) = look.new_picture(SIZE, "title", [name], ["y"])
    assert axes.get_xlabel() == label
    save(tmp_path / "a.png", name)


def test_letters_that_the_own_font_lacks_are_drawn_in_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_resort = [f for f in font_manager.fontManager.ttflist if "Last Resort" in f.name]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [f.fname for f in last_resort])
    _, (axes,) = look.new_picture(SIZE, "title", ["价格"], ["y"])
    assert axes.get_xlabel() == "价格"
    save(tmp_path / "a.png", "价格")


def test_a_million_samples_are_thinned_to_a_thousand_dots_and_their_extremes() -> None:
    n = 10**6
    samples = np.zeros((n, 1), np.float32)
    samples[[1234, 5678], 0] = -1, 1
    (y,) = look.thin(look.DOTS, samples)
    assert len(y) <= look.DOTS + 2
    assert set(y) == {-1, 0, 1}


def test_equal_values_of_any_size_get_an_axis_around_them() -> None:
    assert look.limits(np.full(3, 2.0)) == (1.5, 2.5)
    low, high = look.limits(np.full(3, -1e30))
    assert low < -1e30 < high


STEPS = [(0.00647, 0.01), (0.01, 0.02), (0.99, 1), (1, 2), (2.5, 5), (5, 10), (3e38, 5e38)]


@pytest.mark.parametrize(("value", "step"), [(0, 1), (1e-45, 2e-45), *STEPS])
def test_the_step_above_a_value_is_the_next_of_1_2_5(value: float, step: float) -> None:
    assert look.step_above(value) == step
    assert value == 0 or look.step_below(step) < step <= 2.5 * look.step_below(step) * (1 + 1e-9)
