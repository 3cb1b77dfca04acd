"""The data sets the axes, and each picture counts the values that lie beyond them."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from plumbline.core.metadata import SamplesInfo
from plumbline.core.tensors import Array
from plumbline.drawing import canvas, figures
from plumbline.drawing.canvas import Size
from plumbline.history import Row
from plumbline.losses import LOSSES
from tests.support.exercise import INFO

SIZE = Size(width=8, height=5, dpi=100)
X = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
TRAIN, TEST = (X[:80], X[:80] + 1), (X[80:], X[80:] + 1)
ROWS = [Row(0, 0.5, 0.4, 0.9, 0.8), Row(20, 0.05, 0.04, 0.95, 0.9)]


def draw_predictions(offset: float) -> Figure:
    predicted = TEST[1] + np.float32(offset)
    return figures.draw_predictions(TRAIN, TEST, predicted, INFO, SIZE, "title")


def draw_losses(rows: list[Row]) -> Figure:
    return figures.draw_losses(rows, TRAIN[1], "l1", SIZE, "title")


def draw_landscape(rows: list[Row]) -> Figure:
    return figures.draw_landscape(rows, TRAIN, "l1", SIZE, "title")


def words(figure: Figure) -> str:
    """All text inside the axes."""
    return " ".join(text.get_text() for text in figure.axes[0].texts)


def axis_limits(figure: Figure) -> tuple[float, ...]:
    return tuple(map(float, figure.axes[0].axis()))


@pytest.mark.parametrize("offset", [0, 1e-3, 1e6])
def test_the_axes_depend_on_the_data_and_not_on_the_predictions(offset: float) -> None:
    data = figures.draw_data(TRAIN, TEST, INFO, SIZE, "title")
    assert axis_limits(draw_predictions(offset)) == axis_limits(data)


def test_predictions_beyond_the_axes_are_counted_on_the_picture() -> None:
    assert words(draw_predictions(0)) == ""
    assert words(draw_predictions(9)) == "20 of 20 predictions lie beyond this picture"


def test_losses_beyond_the_axes_are_counted_on_the_picture() -> None:
    good, worse = draw_losses(ROWS), draw_losses([*ROWS, Row(40, 1e9, 1e9, 0.0, 0.0)])
    assert axis_limits(good)[2:] == axis_limits(worse)[2:]
    assert words(good) == ""
    assert words(worse) == "2 of 6 losses lie beyond this picture"


def test_lines_beyond_the_landscape_are_counted_on_the_picture() -> None:
    good, worse = draw_landscape(ROWS), draw_landscape([*ROWS, Row(40, 1, 1, 99.0, 0)])
    assert axis_limits(good) == axis_limits(worse)
    assert "beyond" not in words(good)
    assert "1 of 3 lines on the way lie beyond this picture" in words(worse)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("y", [TRAIN[1], 0 * TRAIN[1]], ids=["data", "zeros"])
def test_every_loss_can_be_drawn_even_if_y_is_all_zero(tmp_path: Path, loss: str, y: Array) -> None:
    losses = figures.draw_losses(ROWS, y, loss, SIZE, "title")
    landscape = figures.draw_landscape(ROWS, (X[:80], y), loss, SIZE, "title")
    canvas.save(tmp_path / "losses.png", losses)
    canvas.save(tmp_path / "landscape.png", landscape)
    with Image.open(tmp_path / "landscape.png") as image:
        assert image.size == (800, 500)


def test_every_figure_has_a_title_and_axis_labels() -> None:
    data = figures.draw_data(TRAIN, TEST, INFO, SIZE, "title")
    for figure in (data, draw_predictions(0), draw_losses(ROWS), draw_landscape(ROWS)):
        axes = figure.axes[0]
        assert axes.get_title() == "title"
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def wide(n: int) -> tuple[tuple[Array, Array], tuple[Array, Array], SamplesInfo]:
    """Samples with n features, each of another scale."""
    X = np.random.default_rng(0).normal(size=(50, n)).astype(np.float32) * np.float32(10)
    y = X.sum(axis=1, keepdims=True)
    names = [f"feature {i}" for i in range(n)]
    info = SamplesInfo(features=names, target="sum", line=None)
    return (X[:40], y[:40]), (X[40:], y[40:]), info


@pytest.mark.parametrize(("features", "panels"), [(2, 2), (10, 10), (12, 12), (30, 12)])
def test_the_data_of_several_features_have_a_panel_for_each_up_to_twelve(
    features: int, panels: int
) -> None:
    train, test, info = wide(features)
    figure = figures.draw_data(train, test, info, SIZE, "title")
    assert [axes.get_xlabel() for axes in figure.axes] == info.features[:panels]
    assert figure.get_suptitle() == (
        "title" if features <= 12 else "title; 18 more features are not shown"
    )


def test_predictions_from_several_features_are_drawn_against_the_true_y() -> None:
    train, test, info = wide(3)
    figure = figures.draw_predictions(train, test, test[1] + 1, info, SIZE, "title")
    (axes,) = figure.axes
    diagonal, dots = axes.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(dots.get_xdata(), test[1][:, 0])
    np.testing.assert_allclose(dots.get_ydata(), test[1][:, 0] + 1, rtol=1e-6)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("true sum", "predicted sum")
