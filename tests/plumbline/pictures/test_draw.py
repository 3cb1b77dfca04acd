"""The pictures show what a reviewer needs, and count the values beyond their axes."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from plumbline import validation
from plumbline.core.tensors import Array, Pair, SamplesInfo
from plumbline.history import Epoch
from plumbline.pictures import draw, look
from stages.losses import LOSSES
from tests.support.exercise import INFO

SIZE = look.Size(width=8, height=5, dpi=100)
X = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
TRAIN, TEST = (X[:80], X[:80] + 1), (X[80:], X[80:] + 1)
ROWS = [Epoch(0, 0.5, 0.4, 0.9, 0.8), Epoch(20, 0.05, 0.04, 0.95, 0.9)]


def draw_errors(errors: Array | float, train: Pair = TRAIN, test: Pair = TEST) -> Figure:
    """The picture of predictions with these errors."""
    predicted = test[1] + np.float32(errors)
    return draw.draw_predictions(train, test, predicted, INFO, SIZE, "title")


def draw_losses(*test_losses: float) -> Figure:
    rows = [Epoch(20 * i, 0.3, loss) for i, loss in enumerate(test_losses)]
    return draw.draw_losses(rows, "l1", SIZE, "title")


def draw_landscape(*rows: Epoch, train: Pair = TRAIN, loss: str = "l1") -> Figure:
    return draw.draw_landscape([*ROWS, *rows], train, loss, LOSSES[loss].of, SIZE, "title")


def words(figure: Figure, panel: int = 0) -> str:
    """All text inside the axes."""
    return " ".join(text.get_text() for text in figure.axes[panel].texts)


def axis_limits(figure: Figure, panel: int = 0) -> tuple[float, ...]:
    return tuple(map(float, figure.axes[panel].axis()))


@pytest.mark.parametrize("error", [0, 1e-3, 1e6])
def test_the_axes_depend_on_the_data_unless_predictions_lie_just_beyond_them(error: float) -> None:
    data = axis_limits(draw.draw_data(TRAIN, TEST, INFO, SIZE, "title"))
    assert axis_limits(draw_errors(error)) == data
    *_, bottom, top = axis_limits(draw_errors(0.5))
    assert bottom == data[2]
    assert 2.5 < top < 2.6


@pytest.mark.parametrize("error", [1e9, -500])
def test_an_error_far_beyond_is_marked_and_told_and_does_not_flatten_the_others(
    error: float,
) -> None:
    errors, zeros = np.full((20, 1), 0.09, np.float32), np.zeros((20, 1), np.float32)
    assert "beyond" not in words(draw_errors(errors, test=(X[80:], zeros)))
    errors[3] = error
    figure = draw_errors(errors, test=(X[80:], zeros))
    assert axis_limits(figure, 1)[3] == pytest.approx(0.525)
    for panel, name in enumerate(("predictions", "residuals")):
        said = f"1 of 20 {name} lie beyond this picture, the farthest at {error:.4g}"
        assert words(figure, panel) == said
        *_, up, down = figure.axes[panel].lines
        assert [*up.get_xdata(), *down.get_xdata()] == [X[83]]


def test_a_residual_in_the_margin_of_the_axis_is_not_beyond_it() -> None:
    errors = np.full((20, 1), 0.195, np.float32)
    errors[3] = 1.03
    figure = draw_errors(errors)
    assert axis_limits(figure, 1)[3] == pytest.approx(1.05)
    assert words(figure, 1) == ""


@pytest.mark.parametrize(("n", "error"), [(1, 9), (20, 0.5), (20, -3e-4), (20, 1e30), (20, 0)])
def test_each_residual_is_predicted_minus_true_and_on_the_axis(n: int, error: float) -> None:
    figure = draw_errors(error, test=(X[:n], X[:n]))
    np.testing.assert_allclose(figure.axes[1].lines[1].get_ydata(), np.full(n, error), rtol=1e-3)
    *_, bottom, top = axis_limits(figure, 1)
    assert bottom < error < top


def test_the_worst_of_many_predictions_is_a_dot_and_the_samples_keep_their_shares() -> None:
    many = np.linspace(0, 1, 4_000, dtype=np.float32)[:, None]
    errors = np.zeros((4_000, 1), np.float32)
    errors[1237] = 0.5
    figure = draw_errors(errors, (many[::4], many[::4]), (many, many))
    assert np.max(figure.axes[1].lines[1].get_ydata()) == pytest.approx(0.5)
    assert axis_limits(figure, 1)[3] > 0.5
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["training data: 201 of 1,000", "testing data: 801 of 4,000", "predictions"]


def test_many_samples_are_drawn_in_less_memory_than_a_copy_of_them() -> None:
    many = np.linspace(0, 1, 4_000_000, dtype=np.float32)[:, None]
    tracemalloc.start()
    draw.draw_predictions((many, many), (many, many), many, INFO, SIZE, "title")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < many.nbytes


def wide(n: int, name: str = "feature {}") -> tuple[Pair, Pair, SamplesInfo]:
    """Samples with n features, and their sum."""
    X = np.random.default_rng(0).normal(size=(50, n)).astype(np.float32) * np.float32(1e4)
    y = X.sum(axis=1, keepdims=True)
    info = SamplesInfo(features=[name.format(i) for i in range(n)], target="sum", line=None)
    return (X[:40], y[:40]), (X[40:], y[40:]), info


@pytest.mark.parametrize(("features", "panels"), [(2, 2), (12, 12), (30, 12)])
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
@pytest.mark.parametrize("name", ["median_income_of_district_{}_in_dollars", "面积{}"])
def test_no_label_of_twelve_features_is_cut_or_runs_into_another(name: str) -> None:
    figure = draw.draw_data(*wide(12, name), SIZE, "title")
    figure.draw_without_rendering()
    labels = [a.xaxis.label for a in figure.axes]
    ticks = [t for a in figure.axes for t in a.get_xticklabels() if t.get_text()]
    boxes = [text.get_window_extent() for text in (*labels, *ticks)]
    for row in range(0, 12, 4):
        for left, right in pairwise(boxes[row : row + 4]):
            assert left.x1 < right.x0
        assert boxes[row + 3].x1 < 800


def test_predictions_of_several_features_are_drawn_against_the_true_y() -> None:
    train, test, info = wide(3)
    train[1][0] = 1e9  # an outlier does not press the predictions together
    figure = draw.draw_predictions(train, test, test[1] + 1, info, SIZE, "title")
    axes, lower = figure.axes
    diagonal, dots, *_ = axes.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(dots.get_xdata(), test[1][:, 0])
    np.testing.assert_allclose(dots.get_ydata(), test[1][:, 0] + 1, rtol=1e-6)
    np.testing.assert_allclose(lower.lines[1].get_xdata(), test[1][:, 0])
    assert (lower.get_xlabel(), axes.get_ylabel()) == ("true sum", "predicted")
    assert axis_limits(figure) == 2 * look.limits(test[1])


def test_losses_beyond_the_axes_are_counted_on_the_picture() -> None:
    assert words(draw_losses(0.4, 0.04)) == ""
    worse = draw_losses(0.4, 0.04, 1e9)
    assert axis_limits(worse)[3] == 5
    assert words(worse).startswith("1 of 6 losses lie beyond this picture, the farthest at 1e+09")


@pytest.mark.parametrize("last", [0.05, 0.021])
def test_similar_losses_share_axes_that_fit_them(last: float) -> None:
    assert axis_limits(draw_losses(0.4, 0.1, last))[2:] == (0.02, 0.5)


@pytest.mark.parametrize(
    ("losses", "marked"),
    [((0.4, 0.2, 0.1, 0.3), [40]), ((0.4, 0.2, 0.1), []), ((0.4, 0.1, 0.1), []), ((0.1,), [])],
)
def test_the_epoch_with_the_lowest_testing_loss_is_marked_unless_it_is_the_last(
    losses: tuple[float, ...], marked: list[int]
) -> None:
    figure = draw_losses(*losses)
    stars = [line for line in figure.axes[0].lines if line.get_marker() == "*"]
    assert [star.get_xdata()[0] for star in stars] == marked
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[2:] == [f"lowest testing loss: epoch {epoch}" for epoch in marked]


def test_lines_beyond_the_landscape_are_counted_on_the_picture() -> None:
    good, worse = draw_landscape(), draw_landscape(Epoch(40, 1, 1, 99.0, 0))
    assert axis_limits(good) == axis_limits(worse)
    assert "beyond" not in words(good)
    assert "1 of 3 lines on the way lie beyond this picture" in words(worse)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_has_a_landscape_even_if_y_is_all_zero(loss: str) -> None:
    figure = draw_landscape(train=(X[:80], 0 * X[:80]), loss=loss)
    assert np.isfinite(axis_limits(figure)).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1e-45, 1e8, 3e38])
def test_a_training_that_failed_or_fits_exactly_can_be_drawn(size: float) -> None:
    last = Epoch(40, size, size, size, -size)
    for figure in (draw_losses(size, size), draw_landscape(last), draw_errors(size)):
        figure.draw_without_rendering()


def test_trainings_that_diverged_are_counted() -> None:
    rows = [
        validation.Repeat(0, 0.1, 0.1, 0.2, 0.5, 2),
        validation.Repeat(1, None, None, None, 0.5, 2),
    ]
    figure = draw.draw_validation(rows, 0.3, INFO, SIZE, "title")
    assert words(figure) == "1 of 2 trainings diverged, and lie beyond this picture"


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
        ([0, 0.5, 1], [-2, -0.5, 1], False, (-1, 4, -3, 1)),  # one beyond zero, and y = 3 X - 2
        ([1, 1, 1], [1, 2, 3], False, (-1, 1, -1, 3)),  # a level line
        # With deviations 10 of X and 200 of y, means 50 and 1,000, y = 20 X is a diagonal.
        ([40, 60], [800, 1200], True, (-20, 40, -1200, 2200)),
    ],
)
def test_the_landscape_reaches_one_beyond_zero_and_the_least_squares_line(
    X: list[float], y: list[float], standardized: bool, expected: tuple[float, ...]
) -> None:
    weights, biases = draw.axes_around(np.array(X, float), np.array(y, float), standardized)
    assert (*weights[[0, -1]], *biases[[0, -1]]) == pytest.approx(expected)
