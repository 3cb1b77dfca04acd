"""The loss landscape: the training loss of each line, by its weight and its bias."""

from collections.abc import Callable

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from plumbline.core.tensors import Floats, Pair
from plumbline.drawing import canvas
from plumbline.drawing.ranges import thin
from plumbline.history import Row

LossOf = Callable[[Floats], Floats]  # the loss of each residual


def draw_landscape(
    rows: list[Row], train: Pair, loss: str, of: LossOf, size: canvas.Size, title: str
) -> Figure:
    """The training loss of the lines near the data, and the path that training took.

    A small picture says so if the rows have no weight. loss, of: its name and values.
    """
    if rows[0].weight is None:
        return canvas.draw_note(size, "no loss landscape: the model is no line in one feature")
    figure, (axes,) = canvas.new_figure(size, title, ["weight"], "bias")
    X, y = thin(*train)
    weights, biases = axes_around(X, y, standardized=rows[0].y_std is not None)
    values = losses_of_lines(of, X, y, weights, biases)
    # The loss of a line that fits exactly is 0, which a logarithmic scale cannot show.
    values = np.maximum(values, values.max() / 1e4)
    levels = np.geomspace(values.min(), values.max(), 25)
    filled = axes.contourf(weights, biases, values, levels, norm=LogNorm(), extend="min")
    figure.colorbar(
        filled, label=f"training loss ({loss})", ticks=LogLocator(subs=(1, 2, 5)), format="%g"
    )
    weight, bias = np.array([(row.weight, row.bias) for row in rows], np.float64).T
    axes.plot(weight, bias, "o-", color="white", markersize=3)
    # The label of the lower dot is below it, the other one above, so that they never meet.
    up, down = (-1, 0) if bias[0] <= bias[-1] else (0, -1)
    for i, align in ((up, "bottom"), (down, "top")):
        label = f"\nepoch {rows[i].epoch}\n"
        # An annotation far beyond the axes is not drawn; a text there overflows the font renderer.
        axes.annotate(
            label, (weight[i], bias[i]), color="white", ha="center", va=align, clip_on=True
        )
    axes.set(xlim=(weights[0], weights[-1]), ylim=(biases[0], biases[-1]))
    canvas.count_hidden(axes, "lines on the way", weight, bias)
    return figure


def axes_around(X: Floats, y: Floats, standardized: bool) -> tuple[Floats, Floats]:
    """The weights and the biases of the landscape, 101 of each, ascending; X, y: (n,).

    They reach 1 beyond zero, near which models start, and beyond the least-squares line, near
    which training should end. They depend on the data alone, so that two trainings compare.
    standardized: the 1 and the zero are those of standardised X and y.
    """
    spread = np.square(X - X.mean()).mean()
    weight = ((X - X.mean()) * (y - y.mean())).mean() / spread if spread else 0.0
    bias, zero, reach, reach_of_bias = y.mean() - weight * X.mean(), 0.0, 1.0, 1.0
    if standardized:
        zero, reach = y.mean(), (y.std() or 1) / (X.std() or 1)
        reach_of_bias = (y.std() or 1) + reach * abs(X.mean())
    return (
        np.linspace(min(0, weight) - reach, max(0, weight) + reach, 101),
        np.linspace(min(zero, bias) - reach_of_bias, max(zero, bias) + reach_of_bias, 101),
    )


def losses_of_lines(of: LossOf, X: Floats, y: Floats, weights: Floats, biases: Floats) -> Floats:
    """The mean loss over (X, y) of the line with each bias (row) and each weight (column)."""
    return np.array([of(biases[:, None] + w * X - y).mean(axis=-1) for w in weights]).T
