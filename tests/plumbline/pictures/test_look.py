"""Pictures have the same bytes for every user, legible names of columns, and comparable axes."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager

from plumbline.pictures import look

SIZE = look.Size(width=8, height=5, dpi=100)


def save(path: Path, x: str = "x") -> str:
    """Saves a picture with this name on its X axis; returns the label that is drawn."""
    figure, (axes,) = look.new_picture(SIZE, "title", [x], ["y"])
    axes.plot([0, 1], [0, 1])
    look.save_picture(path, figure)
    return axes.get_xlabel()


@pytest.mark.slow
def test_a_users_matplotlib_settings_change_no_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    save(first)
    with matplotlib.rc_context({"font.family": "monospace", "lines.linewidth": 9}):
        save(second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "label"),
    [
        (r"$\frac$", r"\$\frac\$"),
        ("price\n (USD)\x1b", r"price (USD)\x1b"),
        ("价格", r"\u4ef7\u683c"),
        ("a_" * 100, "a_" * 38 + "\n" + "a_" * 38 + "\n..."),
    ],
)
def test_any_name_of_a_column_is_drawn_without_a_warning(
    name: str, label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    assert save(tmp_path / "a.png", name) == label


@pytest.mark.slow
def test_letters_that_matplotlibs_font_lacks_are_drawn_in_an_installed_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_resort = [f for f in font_manager.fontManager.ttflist if "Last Resort" in f.name]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [f.fname for f in last_resort])
    label = "价" * 37 + "\n" + "价" * 37 + "\n..."
    assert save(tmp_path / "a.png", "价" * 100) == label


@pytest.mark.parametrize(("value", "axis"), [(2, (1.5, 2.5)), (-1e30, (-1.1e30, -0.9e30))])
def test_equal_values_get_an_axis_around_them(value: float, axis: tuple[float, float]) -> None:
    assert look.limits(np.full(3, value)) == pytest.approx(axis)


@pytest.mark.parametrize(
    ("value", "step"), [(0, 1), (1e-45, 2e-45), (0.00647, 0.01), (1, 2), (5, 10), (3e38, 5e38)]
)
def test_step_above_is_the_next_1_2_or_5_times_a_power_of_10(value: float, step: float) -> None:
    assert look.step_above(value) == step
    assert value == 0 or look.step_below(step) < step <= 2.5 * look.step_below(step) * (1 + 1e-9)
