"""The pictures show what a reviewer needs, and count the values outside their axes."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from plumbline.core.tensors import Array, Pair, SamplesInfo
from plumbline.history import Epoch
from plumbline.pictures import draw, look
from plumbline.validation import Repeat
from stages.losses import LOSSES
from tests.support.exercise import INFO

LOOK = look.Size(width=8, height=5, dpi=100), "title"
X = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
TRAIN, TEST = (X[:80], X[:80] + 1), (X[80:], X[80:] + 1)


def draw_errors(errors: Array | float, test: Pair = TEST) -> Figure:
    """The picture of predictions with these errors."""
    return draw.draw_predictions(TRAIN, test, test[1] + np.float32(errors), INFO, *LOOK)


def draw_losses(*test_losses: float, y_std: float | None = None) -> Figure:
    rows = [Epoch(20 * i, 0.3, loss, y_std=y_std) for i, loss in enumerate(test_losses)]
    return draw.draw_losses(rows, "l1", *LOOK)


def draw_landscape(*rows: Epoch, train: Pair = TRAIN) -> Figure:
    start = [Epoch(0, 0.5, 0.4, 0.9, 0.8), Epoch(20, 0.05, 0.04, 0.95, 0.9)]
    return draw.draw_landscape([*start, *rows], train, "l1", LOSSES["l1"].of, *LOOK)


def words(figure: Figure, panel: int = 0) -> str:
    """All text inside the axes."""
    return " ".join(text.get_text() for text in figure.axes[panel].texts)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def axis_limits(figure: Figure, panel: int = 0) -> tuple[float, ...]:
    return tuple(map(float, figure.axes[panel].axis()))


@pytest.mark.parametrize("error", [1e-3, 1e6])
def test_the_samples_set_the_limits_unless_predictions_lie_just_outside_them(error: float) -> None:
    data = axis_limits(draw.draw_data(TRAIN, TEST, INFO, *LOOK))
    assert axis_limits(draw_errors(error)) == data
    *_, bottom, top = axis_limits(draw_errors(0.5))
    assert bottom == data[2]
    assert 2.5 < top < 2.6


@pytest.mark.parametrize("error", [1e9, -500])
def test_a_huge_error_is_marked_and_noted_and_does_not_flatten_the_others(error: float) -> None:
    errors, zeros = np.full((40, 1), 0.09, np.float32), np.zeros((40, 1), np.float32)
    errors[3:5, 0] = error, 0.51  # 0.51 is in the margin of the axis
    figure = draw_errors(errors, test=(X[60:], zeros))
    assert axis_limits(figure, 1)[3] == pytest.approx(0.525)
    for panel, name in enumerate(("predictions", "residuals")):
        said = f"1 of 40 {name} lie outside this picture, the farthest at {error:.4g}"
        assert words(figure, panel) == said
        *_, up, down = figure.axes[panel].lines
        assert [*up.get_xdata(), *down.get_xdata()] == [X[63]]


def test_a_picture_of_millions_of_samples_takes_little_memory_and_shows_the_extremes() -> None:
    many = np.linspace(0, 1, 4_000_000, dtype=np.float32)[:, None]
    y, predicted = many[::4].copy(), many.copy()
    y[1234] = 9
    predicted[1237] += 0.1
    tracemalloc.start()
    figure = draw.draw_predictions((many[::4], y), (many, many), predicted, INFO, *LOOK)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < many.nbytes
    assert axis_limits(figure)[3] > 9
    assert np.max(figure.axes[1].lines[1].get_ydata()) == pytest.approx(0.1)
    shares = ["training data: 202 of 1,000,000", "testing data: 807 of 4,000,000"]
    assert legend(figure) == [*shares, "predictions"]


def wide(n: int, name: str = "feature {}") -> tuple[Pair, Pair, SamplesInfo]:
    """Samples with n features; the target is their sum."""
    X = np.random.default_rng(0).normal(size=(50, n)).astype(np.float32) * np.float32(1e4)
    y = X.sum(axis=1, keepdims=True)
    info = SamplesInfo(features=[name.format(i) for i in range(n)], target="sum", line=None)
    return (X[:40], y[:40]), (X[40:], y[40:]), info


@pytest.mark.slow
@pytest.mark.parametrize("name", ["median_income_of_district_{}_in_dollars", "面积{}"])
def test_up_to_twelve_features_have_panels_whose_labels_fit(name: str) -> None:
    figure = draw.draw_data(*wide(30, name), *LOOK)
    assert figure.get_suptitle() == "title; 18 more features are not shown"
    figure.draw_without_rendering()
    for row in range(0, 12, 4):
        panels = figure.axes[row : row + 4]
        ticks = [
            t
            for a in panels
            for t in a.get_xticklabels()
            if a.viewLim.containsx(t.get_position()[0])
        ]
        for texts in [a.xaxis.label for a in panels], ticks:
            boxes = [text.get_window_extent() for text in texts]
            assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
            assert boxes[-1].x1 < 800


def test_predictions_of_several_features_are_drawn_against_the_true_y() -> None:
    train, test, info = wide(3)
    train[1][0] = 1e9  # an outlier that must not flatten the predictions
    figure = draw.draw_predictions(train, test, test[1] + 1000, info, *LOOK)
    upper, lower = figure.axes
    diagonal, dots, *_ = upper.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(dots.get_ydata(), test[1][:, 0] + 1000, rtol=1e-6)
    np.testing.assert_allclose(dots.get_xdata(), test[1][:, 0])
    np.testing.assert_allclose(lower.lines[1].get_xdata(), test[1][:, 0])
    np.testing.assert_allclose(lower.lines[1].get_ydata(), 1000, rtol=1e-5)
    assert (lower.get_xlabel(), upper.get_ylabel()) == ("true sum", "predicted")
    assert axis_limits(figure)[:2] == look.limits(test[1])


@pytest.mark.parametrize("last", [0.05, 0.021, 1e9])
def test_similar_losses_get_the_same_axes_and_losses_outside_them_are_counted(last: float) -> None:
    figure = draw_losses(0.4, 0.1, last)
    assert axis_limits(figure)[2:] == ((0.02, 0.5) if last < 1 else (0.05, 5))
    told = "1 of 6 losses lie outside this picture, the farthest at 1e+09"
    assert words(figure) == told * (last > 1)


def test_the_picture_of_losses_names_their_unit_and_the_lowest_unless_it_is_the_last() -> None:
    figure = draw_losses(0.4, 0.2, 0.1, 0.3, y_std=77.5)
    assert figure.axes[0].get_ylabel() == "loss (l1 of y / 77.5)"
    assert figure.axes[0].lines[2].get_xdata() == [40]
    assert legend(figure) == ["training loss", "testing loss", "lowest testing loss: epoch 40"]
    assert len(legend(draw_losses(0.4, 0.1, 0.1))) == 2


def test_trainings_that_diverged_are_counted_and_the_legend_names_each_line() -> None:
    rows = [Repeat(i, 12340.0 + i, 12000.0, 13000.0, 54321.0, 2) for i in range(2)]
    figure = draw.draw_validation([*rows, Repeat(2, None, None, None, 9.0, 2)], 45000, INFO, *LOOK)
    assert words(figure) == "1 of 3 trainings diverged and lie outside this picture"
    lines = ["median training: 12340", "always the median of y: 54320", "limit: 45000"]
    assert legend(figure) == ["a training and its range", *lines]
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x0 > 0
    nearly = draw.draw_validation([*rows, Repeat(2, 1e30, 1e30, 1e30, 9.0, 2)], None, INFO, *LOOK)
    assert words(nearly) == "1 of 3 trainings lie outside this picture"


def test_points_outside_the_landscape_are_counted_on_the_picture() -> None:
    far = [(-99.0, 0.9), (99.0, 0.9), (0.9, -99.0), (0.9, 99.0)]
    good, worse = draw_landscape(), draw_landscape(*(Epoch(40, 1, 1, *line) for line in far))
    assert axis_limits(good) == axis_limits(worse)
    assert "outside" not in words(good)
    assert "4 of 6 points of the path lie outside this picture" in words(worse)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1e-45, 3e38])
def test_a_training_that_failed_or_fits_exactly_can_be_drawn(size: float) -> None:
    last, zero = Epoch(40, size, size, size, -size), (X[:80], 0 * X[:80])
    for figure in draw_losses(size, size), draw_landscape(last, train=zero), draw_errors(size):
        figure.draw_without_rendering()


@pytest.mark.parametrize("name", LOSSES)
def test_each_value_of_the_landscape_is_torchs_loss_of_its_line(name: str) -> None:
    x, y = np.linspace(0, 1, 50), 3 * np.linspace(0, 1, 50) - 2
    loss_fn = getattr(nn, LOSSES[name].layer)()
    weights, biases = np.array([-1.0, 0, 3]), np.array([-2.0, 5])
    values = draw.losses_of_lines(LOSSES[name].of, x, y, weights, biases)
    lines = [[torch.tensor(w * x + b) for w in weights] for b in biases]
    expected = [[loss_fn(line, torch.tensor(y)).item() for line in row] for row in lines]
    np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("X", "y", "standardized", "expected"),
    [
        ([0, 0.5, 1], [1, -0.5, -2], False, (-4, 1, -1, 2)),  # 1 beyond zero and beyond y = 1 - 3 X
        ([1, 1, 1], [1, 2, 3], False, (-1, 1, -1, 3)),  # a level line
        # y = 20 X; the means are 50 and 1,000, the deviations 10 and 200: standardised, y = X.
        ([40, 60], [800, 1200], True, (-20, 40, -1200, 2200)),
    ],
)
def test_the_landscape_reaches_1_beyond_zero_and_1_beyond_the_least_squares_line(
    X: list[float], y: list[float], standardized: bool, expected: tuple[float, ...]
) -> None:
    weights, biases = draw.grid_around(np.array(X, float), np.array(y, float), standardized)
    assert (*weights[[0, -1]], *biases[[0, -1]]) == pytest.approx(expected)
