"""The look, the limits and the bytes that all pictures share."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import matplotlib
import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from msgspec import Meta

from plumbline.core.files import replacing
from plumbline.core.tensors import Array, Floats

# More dots than this cannot be told apart in a picture.
DOTS = 1_000

Inches = Annotated[float, Meta(ge=3, le=40)]

# Colours of Okabe and Ito, which colour-blind people can tell apart.
# https://jfly.uni-koeln.de/color/
BLUE, GREEN, VERMILLION = "#0072B2", "#009E73", "#D55E00"


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `plot`; params.yaml says what each key means."""

    width: Inches
    height: Inches
    dpi: Annotated[int, Meta(ge=30, le=600)]


def new_picture(size: Size, title: str, xs: Sequence[str], y: str) -> tuple[Figure, list[Axes]]:
    """An empty figure with a panel for each label of an X axis; they share the Y axis `y`."""
    figure, xs, y = _empty(size), [*map(_plain, xs)], _plain(y)
    if len(xs) == 1:
        axes = figure.add_subplot(xlabel=xs[0], ylabel=y)
        axes.set_title(title, wrap=True)
        return figure, [axes]
    columns = math.ceil(math.sqrt(len(xs) * size.width / size.height))
    rows = math.ceil(len(xs) / columns)
    columns = math.ceil(len(xs) / rows)
    panels = [figure.add_subplot(rows, columns, i + 1, xlabel=x) for i, x in enumerate(xs)]
    for panel in panels[::columns]:
        panel.set_ylabel(y)
    figure.suptitle(title, fontsize=matplotlib.rcParams["axes.titlesize"], wrap=True)
    return figure, panels


def new_note(size: Size, text: str) -> Figure:
    """A small picture that says why there is nothing to draw."""
    figure = _empty(size)
    figure.set_figheight(1)
    figure.text(0.5, 0.5, _plain(text), ha="center", va="center", wrap=True)
    return figure


def new_stack(size: Size, title: str, x: str, ys: tuple[str, str]) -> tuple[Figure, Axes, Axes]:
    """An empty figure with an upper and a lower panel, labelled `ys`; they share the X axis."""
    figure = _empty(size)
    upper, lower = figure.subplots(2, sharex=True)
    upper.set_title(title, wrap=True)
    upper.set_ylabel(_plain(ys[0]))
    lower.set(xlabel=_plain(x), ylabel=_plain(ys[1]))
    figure.align_ylabels()
    return figure, upper, lower


def _empty(size: Size) -> Figure:
    # A user's own matplotlibrc would change the bytes.
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#DDDDDD",
            "legend.frameon": False,
        }
    )
    return Figure(figsize=(size.width, size.height), dpi=size.dpi, layout="constrained")


def _plain(name: str) -> str:
    """The name of a column as it is: between two dollar signs, matplotlib would read a formula."""
    return name.replace("$", r"\$")


def count_hidden(axes: Axes, name: str, x: Array | Floats, y: Array | Floats) -> None:
    """Writes on the picture how many of the points (x, y) lie outside its axes, if any do.

    x, y: of equal shape.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    hidden = (x < left) | (x > right) | (y < bottom) | (y > top)
    tell_hidden(axes, name, int(hidden.sum()), x.size)


def tell_hidden(axes: Axes, name: str, hidden: int, total: int) -> None:
    """Writes on the picture how many of the points lie outside its axes, if any do."""
    if hidden:
        axes.text(
            0.5,
            0.04,
            f"{hidden:,} of {total:,} {name} lie beyond this picture",
            transform=axes.transAxes,
            horizontalalignment="center",
            color="white",
            backgroundcolor=VERMILLION,
        )


def add_legend(figure: Figure, axes: Axes) -> None:
    """Adds a legend for one of the panels below all of them, where it hides nothing."""
    columns = min(3, int(figure.get_figwidth() // 2))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def save_picture(path: Path, figure: Figure) -> None:
    """Writes a PNG whose bytes depend on the picture alone."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def thin(*arrays: Array) -> list[Floats]:
    """The same evenly spaced rows of each (n, 1) array, as (m,) float64 with m <= DOTS."""
    n = len(arrays[0])
    rows = np.linspace(0, n - 1, min(n, DOTS)).astype(int)
    return [array[rows, 0].astype(np.float64) for array in arrays]


def limits(*values: Array) -> tuple[float, float]:
    """The limits of an axis that shows all of the values with a margin."""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    margin = 0.1 * (high - low) or max(0.5, 0.1 * abs(high))
    return low - margin, high + margin


def step_above(value: float) -> float:
    """The first of 1, 2, 5, 10, 20, ... times a power of ten that is above the value; 1 for 0.

    Versions whose values are similar get the same limit, so that their pictures compare.
    """
    if value == 0:
        return 1.0
    power = math.floor(math.log10(value))
    return next(step for n in (1, 2, 5, 10) if (step := float(f"{n}e{power}")) > value)


def step_below(value: float) -> float:
    """The last of these steps that is below the value, which is above 0."""
    return 1 / step_above(1 / value)
