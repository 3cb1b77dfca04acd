"""The four pictures: the data, the predictions, the losses, the way that training took."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from plumbline.core.tensors import Array
from plumbline.drawing import canvas as picture
from plumbline.drawing.canvas import BLUE, GREEN, VERMILLION, Size, span, thin
from plumbline.drawing.landscape import around, landscape, mean_loss
from plumbline.history import Row

Samples = tuple[Array, Array]  # X and y, each (n, 1)


def draw_samples(axes: Axes, train: Samples, test: Samples) -> None:
    """The samples, which alone set the limits of the axes, whatever is drawn over them."""
    axes.plot(*thin(*train), "o", color=BLUE, markersize=4, label="training data")
    axes.plot(*thin(*test), "s", color=GREEN, markersize=4, label="testing data")
    axes.set(xlim=span(train[0], test[0]), ylim=span(train[1], test[1]))


def data(train: Samples, test: Samples, size: Size, title: str) -> Figure:
    """The training and the testing samples."""
    figure, axes = picture.new(size, title, "X", "y")
    draw_samples(axes, train, test)
    picture.add_legend(figure)
    return figure


def predictions(train: Samples, test: Samples, predicted: Array, size: Size, title: str) -> Figure:
    """The predictions for the testing samples, over the samples."""
    figure, axes = picture.new(size, title, "X", "y")
    draw_samples(axes, train, test)
    X, y = thin(test[0], predicted)
    axes.plot(X, y, "o", color=VERMILLION, markerfacecolor="none", label="predictions")
    picture.say_what_is_beyond(axes, "predictions", test[0], predicted)
    picture.add_legend(figure)
    return figure


def losses(rows: list[Row], y: Array, loss: str, size: Size, title: str) -> Figure:
    """Both losses by epoch, from that of predictions 0.1 % off to that of predictions of 0."""
    figure, axes = picture.new(size, title, "epoch", f"loss ({loss})")
    epoch, train_loss, test_loss, _, _ = np.array(rows).T
    axes.plot(epoch, train_loss, "o-", color=BLUE, markersize=4, label="training loss")
    axes.plot(epoch, test_loss, "s-", color=GREEN, markersize=4, label="testing loss")
    (true,) = thin(y)
    axes.set_yscale("log")
    if np.any(true):
        axes.set_ylim(*(float(mean_loss(loss, residuals)) for residuals in (true / 1000, true)))
    picture.say_what_is_beyond(axes, "losses", np.tile(epoch, 2), np.append(train_loss, test_loss))
    picture.add_legend(figure)
    return figure


def descent(rows: list[Row], train: Samples, loss: str, size: Size, title: str) -> Figure:
    """The training loss of every line near the data, and the lines that training came by."""
    figure, axes = picture.new(size, title, "weight", "bias")
    X, y = thin(*train)
    weights, biases = around(X, y)
    values = landscape(loss, X, y, weights, biases)
    # A line that fits exactly has no loss, which a logarithm cannot show.
    values = np.maximum(values, values.max() / 1e4)
    levels = np.geomspace(values.min(), values.max(), 25)
    filled = axes.contourf(weights, biases, values, levels, norm=LogNorm(), extend="min")
    figure.colorbar(
        filled, label=f"training loss ({loss})", ticks=LogLocator(subs=(1, 2, 5)), format="%g"
    )
    _, _, _, weight, bias = np.array(rows).T
    axes.plot(weight, bias, "o-", color="white", markersize=3)
    # The first epoch's name stands below its dot and the last one's above, should the dots be one.
    for row, align in ((rows[0], "top"), (rows[-1], "bottom")):
        label = f"\nepoch {row.epoch}\n"
        axes.text(row.weight, row.bias, label, color="white", ha="center", va=align, clip_on=True)
    axes.set(xlim=(weights[0], weights[-1]), ylim=(biases[0], biases[-1]))
    picture.say_what_is_beyond(axes, "lines on the way", weight, bias)
    return figure
