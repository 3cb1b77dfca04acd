"""The pictures: axes that the data sets, a word on what they do not show, and stable bytes."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from plumbline.core.tensors import Array
from plumbline.drawing import canvas as picture
from plumbline.drawing import figures
from plumbline.drawing.canvas import Size
from plumbline.history import Row

SIZE = Size(width=8, height=5, dpi=100)
X = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
TRAIN, TEST = (X[:80], X[:80] + 1), (X[80:], X[80:] + 1)
ROWS = [Row(0, 0.5, 0.4, 0.9, 0.8), Row(20, 0.05, 0.04, 0.95, 0.9)]


def predicted(offset: float) -> Figure:
    return figures.predictions(TRAIN, TEST, TEST[1] + np.float32(offset), SIZE, "title")


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.axes[0].texts)


def limits(figure: Figure) -> tuple[float, ...]:
    return tuple(map(float, figure.axes[0].axis()))


@pytest.mark.parametrize("offset", [0, 1e-3, 1e6])
def test_the_data_sets_the_axes_and_not_the_predictions(offset: float) -> None:
    assert limits(predicted(offset)) == limits(figures.data(TRAIN, TEST, SIZE, "title"))


def test_predictions_beyond_the_axes_are_counted_on_the_picture() -> None:
    assert words(predicted(0)) == ""
    assert words(predicted(9)) == "20 of 20 predictions lie beyond this picture"


def test_losses_beyond_the_axes_are_counted_on_the_picture() -> None:
    bad = [*ROWS, Row(40, 1e9, 1e9, 0, 0)]
    good, worse = (figures.losses(rows, TRAIN[1], "l1", SIZE, "title") for rows in (ROWS, bad))
    assert limits(good)[2:] == limits(worse)[2:]
    assert words(good) == ""
    assert words(worse) == "2 of 6 losses lie beyond this picture"


def test_lines_beyond_the_landscape_are_counted_on_the_picture() -> None:
    bad = [*ROWS, Row(40, 1, 1, 99.0, 0)]
    good, worse = (figures.descent(rows, TRAIN, "l1", SIZE, "title") for rows in (ROWS, bad))
    assert limits(good) == limits(worse)
    assert "beyond" not in words(good)
    assert "1 of 3 lines on the way lie beyond this picture" in words(worse)


@pytest.mark.parametrize(
    ("loss", "y"), [("l1", TRAIN[1]), ("mse", TRAIN[1]), ("huber", X[:80] * 0)]
)
def test_every_loss_and_a_line_at_zero_can_be_drawn(tmp_path: Path, loss: str, y: Array) -> None:
    losses = figures.losses(ROWS, y, loss, SIZE, "title")
    landscape = figures.descent(ROWS, (X[:80], y), loss, SIZE, "title")
    picture.save(tmp_path / "losses.png", losses)
    picture.save(tmp_path / "landscape.png", landscape)
    with Image.open(tmp_path / "landscape.png") as image:
        assert image.size == (800, 500)


def test_axes_and_title_are_named() -> None:
    for figure in (
        figures.data(TRAIN, TEST, SIZE, "title"),
        predicted(0),
        figures.losses(ROWS, TRAIN[1], "l1", SIZE, "title"),
        figures.descent(ROWS, TRAIN, "l1", SIZE, "title"),
    ):
        axes = figure.axes[0]
        assert axes.get_title() == "title"
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_a_picture_has_the_same_bytes_whatever_its_user_has_set(tmp_path: Path) -> None:
    picture.save(tmp_path / "first.png", predicted(0))
    with matplotlib.rc_context({"font.family": "monospace", "lines.linewidth": 9}):
        picture.save(tmp_path / "second.png", predicted(0))
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_a_million_samples_are_drawn_as_a_thousand_from_the_first_to_the_last() -> None:
    n = 10**6
    (x,) = picture.thin(np.arange(n, dtype=np.float32)[:, None])
    assert (len(x), x[0], x[-1]) == (picture.DOTS, 0, n - 1)


def test_a_single_value_has_an_axis_too() -> None:
    assert picture.span(np.full((3, 1), 2, np.float32)) == (1.5, 2.5)
