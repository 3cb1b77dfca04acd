"""The pictures show what a reviewer needs, and count the values beyond their axes."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from plumbline.core.tensors import Array, SamplesInfo
from plumbline.history import Row
from plumbline.pictures import draw, look
from plumbline.pictures.draw import axes_around, losses_of_lines
from plumbline.pictures.look import Size
from stages.losses import LOSSES
from tests.support.exercise import INFO

SIZE = Size(width=8, height=5, dpi=100)
X = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
TRAIN, TEST = (X[:80], X[:80] + 1), (X[80:], X[80:] + 1)
ROWS = [Row(0, 0.5, 0.4, 0.9, 0.8), Row(20, 0.05, 0.04, 0.95, 0.9)]


def draw_predictions(offset: float) -> Figure:
    predicted = TEST[1] + np.float32(offset)
    return draw.draw_predictions(TRAIN, TEST, predicted, INFO, SIZE, "title")


def draw_losses(rows: list[Row]) -> Figure:
    return draw.draw_losses(rows, "l1", SIZE, "title")


def draw_landscape(rows: list[Row]) -> Figure:
    return draw.draw_landscape(rows, TRAIN, "l1", np.abs, SIZE, "title")


def words(figure: Figure, panel: int = 0) -> str:
    """All text inside the axes."""
    return " ".join(text.get_text() for text in figure.axes[panel].texts)


def axis_limits(figure: Figure) -> tuple[float, ...]:
    return tuple(map(float, figure.axes[0].axis()))


def residual_limits(figure: Figure) -> tuple[float, float]:
    """The smallest and the largest residual on the axis, without its margin of 5 %."""
    bottom, top = figure.axes[1].get_ylim()
    return bottom / 1.05, top / 1.05


@pytest.mark.parametrize("offset", [0, 1e-3, 1e6])
def test_the_axes_depend_on_the_data_and_not_on_the_predictions(offset: float) -> None:
    data = draw.draw_data(TRAIN, TEST, INFO, SIZE, "title")
    assert axis_limits(draw_predictions(offset)) == axis_limits(data)


def test_predictions_beyond_the_axes_are_counted_on_the_picture() -> None:
    assert words(draw_predictions(0)) == ""
    assert words(draw_predictions(9)) == "20 of 20 predictions lie beyond this picture"


def draw_line(weight: float, bias: float) -> Figure:
    """The picture of a line that was trained on the exercise's data."""
    y = np.float32(0.3) * X + np.float32(0.9)
    train, test = (X[:80], y[:80]), (X[80:], y[80:])
    predicted = np.float32(weight) * X[80:] + np.float32(bias)
    return draw.draw_predictions(train, test, predicted, INFO, SIZE, "title")


def heights(figure: Figure) -> Array:
    """How high each residual is in a picture that is 400 pixels wide, in pixels."""
    figure.draw_without_rendering()
    axes = figure.axes[1]
    zero_line, dots = axes.lines
    assert not np.any(zero_line.get_ydata())
    pixels: Array = axes.transData.transform(dots.get_xydata())[:, 1] * 400 / 800
    return pixels


@pytest.mark.slow
def test_a_test_mae_of_0_0065_and_one_of_0_0056_differ_at_400_pixels() -> None:
    first, second = draw_line(0.302815, 0.89101), draw_line(0.308213, 0.887009)
    assert residual_limits(first) == residual_limits(second) == pytest.approx((-0.01, 0.01))
    difference = heights(second) - heights(first)
    assert difference.mean() > 3
    assert difference.max() > 5


@pytest.mark.parametrize("offset", [0.5, -3e-4, 1e30, 0])
def test_each_residual_is_predicted_minus_true_and_on_the_axis(offset: float) -> None:
    figure = draw_predictions(offset)
    _, dots = figure.axes[1].lines
    np.testing.assert_allclose(dots.get_ydata(), np.full(20, offset), rtol=1e-3)
    bottom, top = residual_limits(figure)
    assert bottom < offset < top
    assert words(figure, panel=1) == ""


def test_a_residual_ten_times_the_median_is_counted_and_does_not_flatten_the_others() -> None:
    predicted = TEST[1] + np.float32(0.09)
    predicted[3] = 1e9
    figure = draw.draw_predictions(TRAIN, TEST, predicted, INFO, SIZE, "title")
    assert residual_limits(figure) == pytest.approx((-1, 1))
    assert words(figure, panel=1) == "1 of 20 residuals lie beyond this picture"


@pytest.mark.parametrize("n", [1, 20])
def test_one_error_is_on_the_axis_even_if_it_is_the_only_one(n: int) -> None:
    samples, predicted = (X[:n], X[:n]), X[:n].copy()
    predicted[0] += 9
    figure = draw.draw_predictions(samples, samples, predicted, INFO, SIZE, "title")
    assert residual_limits(figure)[0] <= -9
    assert residual_limits(figure)[1] >= 9


def test_many_samples_are_drawn_in_less_memory_than_a_copy_of_them() -> None:
    many = np.linspace(0, 1, 4_000_000, dtype=np.float32)[:, None]
    tracemalloc.start()
    draw.draw_predictions((many, many), (many, many), many, INFO, SIZE, "title")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < many.nbytes


def rows_of(*test_losses: float) -> list[Row]:
    return [Row(20 * i, 0.3, loss) for i, loss in enumerate(test_losses)]


def test_losses_beyond_the_axes_are_counted_on_the_picture() -> None:
    assert words(draw_losses(ROWS)) == ""
    worse = draw_losses([*ROWS, Row(40, 1e9, 1e9, 0.0, 0.0)])
    assert axis_limits(worse)[3] == 10
    assert words(worse) == "2 of 6 losses lie beyond this picture"


@pytest.mark.parametrize("last", [0.05, 0.021])
def test_similar_losses_share_axes_that_fit_them(last: float) -> None:
    assert axis_limits(draw_losses(rows_of(0.4, 0.1, last)))[2:] == (0.02, 0.5)


def marked_epochs(figure: Figure) -> list[float]:
    return [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "*"]


def test_the_epoch_with_the_lowest_testing_loss_is_marked() -> None:
    figure = draw_losses(rows_of(0.4, 0.2, 0.1, 0.3))
    assert marked_epochs(figure) == [40]
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "lowest testing loss: epoch 40"


@pytest.mark.parametrize("losses", [(0.4, 0.2, 0.1), (0.4, 0.1, 0.1), (0.1,)])
def test_no_epoch_is_marked_if_the_last_loss_is_the_lowest(losses: tuple[float, ...]) -> None:
    assert marked_epochs(draw_losses(rows_of(*losses))) == []


def test_lines_beyond_the_landscape_are_counted_on_the_picture() -> None:
    good, worse = draw_landscape(ROWS), draw_landscape([*ROWS, Row(40, 1, 1, 99.0, 0)])
    assert axis_limits(good) == axis_limits(worse)
    assert "beyond" not in words(good)
    assert "1 of 3 lines on the way lie beyond this picture" in words(worse)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_has_a_landscape_even_if_y_is_all_zero(loss: str) -> None:
    zeros = X[:80], 0 * X[:80]
    figure = draw.draw_landscape(ROWS, zeros, loss, LOSSES[loss].of, SIZE, "title")
    assert np.isfinite(axis_limits(figure)).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e8, 3e38])
def test_a_failed_training_can_be_drawn(tmp_path: Path, size: float) -> None:
    rows = [*ROWS, Row(40, size, size, size, -size)]
    for figure in (draw_losses(rows), draw_landscape(rows), draw_predictions(size)):
        look.save_picture(tmp_path / "a.png", figure)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (800, 500)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0, 1e-45, 3e38])
def test_equal_losses_of_any_size_can_be_drawn(loss: float) -> None:
    draw_losses([Row(0, loss, loss), Row(20, loss, loss)]).draw_without_rendering()


@pytest.mark.slow
def test_a_long_title_is_broken_and_not_cut() -> None:
    title = "linear, lr 3, 10 epochs: did not learn, training loss rose from 0.02439 to 1.426e+12"
    for width in (3, 8):
        size = Size(width=width, height=5, dpi=100)
        losses = draw.draw_losses(ROWS, "l1", size, title)
        predictions = draw.draw_predictions(TRAIN, TEST, TEST[1], INFO, size, title)
        for figure in (losses, predictions):
            figure.draw_without_rendering()
            box = figure.axes[0].title.get_window_extent()
            assert box.x0 >= 0
            assert max(box.x1 - figure.bbox.x1, box.y1 - figure.bbox.y1) <= 0


@pytest.mark.slow
@pytest.mark.parametrize("last", [0.5, 1.1])
def test_the_labels_of_the_first_and_the_last_epoch_never_meet(last: float) -> None:
    figure = draw_landscape([Row(0, 0.5, 0.4, 0.9, 0.8), Row(20, 0.1, 0.1, 0.9, last)])
    figure.draw_without_rendering()
    first, second = (text.get_window_extent() for text in figure.axes[0].texts)
    assert not first.overlaps(second)


def test_every_figure_has_a_title_and_axis_labels() -> None:
    data = draw.draw_data(TRAIN, TEST, INFO, SIZE, "title")
    for figure in (data, draw_predictions(0), draw_losses(ROWS), draw_landscape(ROWS)):
        assert figure.axes[0].get_title() == "title"
        assert any(axes.get_xlabel() for axes in figure.axes)
        assert all(axes.get_ylabel() for axes in figure.axes)


def wide(n: int) -> tuple[tuple[Array, Array], tuple[Array, Array], SamplesInfo]:
    """Samples with n features, each of another scale."""
    X = np.random.default_rng(0).normal(size=(50, n)).astype(np.float32) * np.float32(10)
    y = X.sum(axis=1, keepdims=True)
    names = [f"feature {i}" for i in range(n)]
    info = SamplesInfo(features=names, target="sum", line=None)
    return (X[:40], y[:40]), (X[40:], y[40:]), info


@pytest.mark.parametrize(
    ("features", "panels"), [(2, 2), pytest.param(30, 12, marks=pytest.mark.slow)]
)
def test_the_data_of_several_features_have_a_panel_for_each_up_to_twelve(
    features: int, panels: int
) -> None:
    train, test, info = wide(features)
    figure = draw.draw_data(train, test, info, SIZE, "title")
    assert [axes.get_xlabel() for axes in figure.axes] == info.features[:panels]
    assert figure.get_suptitle() == (
        "title" if features <= 12 else "title; 18 more features are not shown"
    )


@pytest.mark.slow
@pytest.mark.parametrize("features", [1, 2])
def test_a_column_with_dollar_signs_is_no_formula(features: int) -> None:
    name = r"$\frac$"
    info = SamplesInfo(features=[name] * features, target=name, line=None)
    samples = np.repeat(X, features, axis=1), X
    predictions = draw.draw_predictions(samples, samples, X, info, SIZE, "title")
    for figure in (predictions, draw.draw_data(samples, samples, info, SIZE, "title")):
        figure.draw_without_rendering()


def test_predictions_and_residuals_of_several_features_are_drawn_against_the_true_y() -> None:
    train, test, info = wide(3)
    figure = draw.draw_predictions(train, test, test[1] + 1, info, SIZE, "title")
    axes, lower = figure.axes
    diagonal, dots = axes.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(dots.get_xdata(), test[1][:, 0])
    np.testing.assert_allclose(dots.get_ydata(), test[1][:, 0] + 1, rtol=1e-6)
    np.testing.assert_allclose(lower.lines[1].get_xdata(), test[1][:, 0])
    assert (lower.get_xlabel(), axes.get_ylabel()) == ("true sum", "predicted")


def test_an_outlier_in_the_training_data_does_not_press_the_predictions_together() -> None:
    train, test, info = wide(3)
    train[1][0] = 1e9
    figure = draw.draw_predictions(train, test, test[1], info, SIZE, "title")
    assert axis_limits(figure) == 2 * look.limits(test[1])


LINE = np.linspace(0, 1, 50), 3 * np.linspace(0, 1, 50) - 2


@pytest.mark.parametrize("name", LOSSES)
def test_each_value_is_torchs_loss_of_its_line(name: str) -> None:
    loss_fn = getattr(nn, LOSSES[name].layer)()
    weights, biases = np.array([-1.0, 0, 3]), np.array([-2.0, 5])
    values = losses_of_lines(LOSSES[name].of, *LINE, weights, biases)
    expected = [
        [loss_fn(torch.tensor(w * LINE[0] + b), torch.tensor(LINE[1])).item() for w in weights]
        for b in biases
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_the_axes_reach_one_beyond_zero_and_the_least_squares_line() -> None:
    weights, biases = axes_around(*LINE, standardized=False)
    assert (weights[0], weights[-1]) == pytest.approx((-1, 4))
    assert (biases[0], biases[-1]) == pytest.approx((-3, 1))


def test_samples_that_share_one_x_have_a_level_line() -> None:
    weights, biases = axes_around(np.ones(3), np.array([1.0, 2, 3]), standardized=False)
    assert (weights[0], weights[-1], biases[-1]) == (-1, 1, 3)


def test_the_axes_of_standardised_data_reach_one_in_its_units() -> None:
    """With deviations 10 of X and 200 of y, means 50 and 1,000, the line y = 20 X is a diagonal."""
    X = np.array([40.0, 60])
    weights, biases = axes_around(X, 20 * X, standardized=True)
    assert (weights[0], weights[-1]) == pytest.approx((-20, 40))
    assert (biases[0], biases[-1]) == pytest.approx((0 - 200 - 1000, 1000 + 200 + 1000))
