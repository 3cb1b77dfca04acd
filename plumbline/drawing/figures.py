"""The four pictures: data, predictions, losses, and the loss landscape with training's path."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from plumbline.core.tensors import Array, Pair
from plumbline.drawing import canvas
from plumbline.drawing.canvas import BLUE, GREEN, VERMILLION, Size, limits, thin
from plumbline.drawing.landscape import axes_around, losses_of_lines
from plumbline.history import Row
from plumbline.losses import LOSSES


def _draw_samples(axes: Axes, train: Pair, test: Pair) -> None:
    """Draws the samples, which alone set the limits of the axes."""
    axes.plot(*thin(*train), "o", color=BLUE, markersize=4, label="training data")
    axes.plot(*thin(*test), "s", color=GREEN, markersize=4, label="testing data")
    axes.set(xlim=limits(train[0], test[0]), ylim=limits(train[1], test[1]))


def draw_data(train: Pair, test: Pair, size: Size, title: str) -> Figure:
    """The training and the testing samples."""
    figure, axes = canvas.new_figure(size, title, "X", "y")
    _draw_samples(axes, train, test)
    canvas.add_legend(figure)
    return figure


def draw_predictions(train: Pair, test: Pair, predicted: Array, size: Size, title: str) -> Figure:
    """The predictions for the testing samples, over the samples; predicted: (n, 1)."""
    figure, axes = canvas.new_figure(size, title, "X", "y")
    _draw_samples(axes, train, test)
    X, y = thin(test[0], predicted)
    axes.plot(X, y, "o", color=VERMILLION, markerfacecolor="none", label="predictions")
    canvas.count_hidden(axes, "predictions", test[0], predicted)
    canvas.add_legend(figure)
    return figure


def draw_losses(rows: list[Row], y: Array, loss: str, size: Size, title: str) -> Figure:
    """Both losses by epoch.

    The axis runs from the loss of predictions that are 0.1 % off to that of predictions of 0.
    """
    figure, axes = canvas.new_figure(size, title, "epoch", f"loss ({loss})")
    epoch, train_loss, test_loss, _, _ = np.array(rows).T
    axes.plot(epoch, train_loss, "o-", color=BLUE, markersize=4, label="training loss")
    axes.plot(epoch, test_loss, "s-", color=GREEN, markersize=4, label="testing loss")
    (true,) = thin(y)
    axes.set_yscale("log")
    if np.any(true):
        axes.set_ylim(*(float(LOSSES[loss].of(error).mean()) for error in (true / 1000, true)))
    canvas.count_hidden(axes, "losses", np.tile(epoch, 2), np.append(train_loss, test_loss))
    canvas.add_legend(figure)
    return figure


def draw_landscape(rows: list[Row], train: Pair, loss: str, size: Size, title: str) -> Figure:
    """The training loss of the lines near the data, and the path that training took."""
    figure, axes = canvas.new_figure(size, title, "weight", "bias")
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
    _, _, _, weight, bias = np.array(rows).T
    axes.plot(weight, bias, "o-", color="white", markersize=3)
    # One label below its dot and one above, in case the two dots are in the same place.
    for row, align in ((rows[0], "top"), (rows[-1], "bottom")):
        label = f"\nepoch {row.epoch}\n"
        axes.text(row.weight, row.bias, label, color="white", ha="center", va=align, clip_on=True)
    axes.set(xlim=(weights[0], weights[-1]), ylim=(biases[0], biases[-1]))
    canvas.count_hidden(axes, "lines on the way", weight, bias)
    return figure
