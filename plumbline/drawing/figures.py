"""The four pictures: data, predictions, losses, and the loss landscape with training's path."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from plumbline.core.metadata import SamplesInfo
from plumbline.core.tensors import Array, Pair
from plumbline.drawing import canvas
from plumbline.drawing.canvas import BLUE, GREEN, VERMILLION, Size, limits, thin
from plumbline.drawing.landscape import axes_around, losses_of_lines
from plumbline.history import Row
from plumbline.losses import LOSSES

# More panels than this are too small to read.
PANELS = 12


def _draw_samples(axes: Axes, train: Pair, test: Pair, feature: int = 0) -> None:
    """Draws y against one feature. The samples alone set the limits of the axes."""
    X_train, X_test = train[0][:, [feature]], test[0][:, [feature]]
    axes.plot(*thin(X_train, train[1]), "o", color=BLUE, markersize=4, label="training data")
    axes.plot(*thin(X_test, test[1]), "s", color=GREEN, markersize=4, label="testing data")
    axes.set(xlim=limits(X_train, X_test), ylim=limits(train[1], test[1]))


def draw_data(train: Pair, test: Pair, info: SamplesInfo, size: Size, title: str) -> Figure:
    """The training and the testing samples: y against each of the first 12 features."""
    shown = info.features[:PANELS]
    if more := len(info.features) - len(shown):
        title += f"; {more:,} more features are not shown"
    figure, grid = canvas.new_figure(size, title, shown, info.target)
    for feature, axes in enumerate(grid):
        _draw_samples(axes, train, test, feature)
    canvas.add_legend(figure, grid[0])
    return figure


def draw_predictions(
    train: Pair, test: Pair, predicted: Array, info: SamplesInfo, size: Size, title: str
) -> Figure:
    """The predictions for the testing samples; predicted: (n, 1).

    With one feature they lie over the samples, with several they are drawn against the true y.
    """
    if len(info.features) == 1:
        figure, (axes,) = canvas.new_figure(size, title, info.features, info.target)
        _draw_samples(axes, train, test)
        X = test[0]
    else:
        names = f"true {info.target}", f"predicted {info.target}"
        figure, (axes,) = canvas.new_figure(size, title, [names[0]], names[1])
        X, both = test[1], limits(train[1], test[1])
        axes.plot(both, both, color=GREEN, label="perfect predictions")
        axes.set(xlim=both, ylim=both)
    dots = thin(X, predicted)
    axes.plot(*dots, "o", color=VERMILLION, markerfacecolor="none", label="predictions")
    canvas.count_hidden(axes, "predictions", X, predicted)
    canvas.add_legend(figure, axes)
    return figure


def draw_losses(rows: list[Row], y: Array, loss: str, size: Size, title: str) -> Figure:
    """Both losses by epoch.

    The axis runs from the loss of predictions that are 0.1 % off to that of predictions of 0.
    """
    figure, (axes,) = canvas.new_figure(size, title, ["epoch"], f"loss ({loss})")
    epoch, train_loss, test_loss = np.array([row[:3] for row in rows]).T
    axes.plot(epoch, train_loss, "o-", color=BLUE, markersize=4, label="training loss")
    axes.plot(epoch, test_loss, "s-", color=GREEN, markersize=4, label="testing loss")
    (true,) = thin(y)
    axes.set_yscale("log")
    if np.any(true):
        axes.set_ylim(*(float(LOSSES[loss].of(error).mean()) for error in (true / 1000, true)))
    canvas.count_hidden(axes, "losses", np.tile(epoch, 2), np.append(train_loss, test_loss))
    canvas.add_legend(figure, axes)
    return figure


def draw_landscape(rows: list[Row], train: Pair, loss: str, size: Size, title: str) -> Figure:
    """The training loss of the lines near the data, and the path that training took.

    For samples with one feature, and rows with a weight and a bias.
    """
    figure, (axes,) = canvas.new_figure(size, title, ["weight"], "bias")
    X, y = thin(*train)
    weights, biases = axes_around(X, y)
    values = losses_of_lines(loss, X, y, weights, biases)
    # The loss of a line that fits exactly is 0, which a logarithmic scale cannot show.
    values = np.maximum(values, values.max() / 1e4)
    levels = np.geomspace(values.min(), values.max(), 25)
    filled = axes.contourf(weights, biases, values, levels, norm=LogNorm(), extend="min")
    figure.colorbar(
        filled, label=f"training loss ({loss})", ticks=LogLocator(subs=(1, 2, 5)), format="%g"
    )
    weight, bias = np.array([(row.weight, row.bias) for row in rows], np.float64).T
    axes.plot(weight, bias, "o-", color="white", markersize=3)
    # One label below its dot and one above, in case the two dots are in the same place.
    for i, align in ((0, "top"), (-1, "bottom")):
        label = f"\nepoch {rows[i].epoch}\n"
        axes.text(weight[i], bias[i], label, color="white", ha="center", va=align, clip_on=True)
    axes.set(xlim=(weights[0], weights[-1]), ylim=(biases[0], biases[-1]))
    canvas.count_hidden(axes, "lines on the way", weight, bias)
    return figure
