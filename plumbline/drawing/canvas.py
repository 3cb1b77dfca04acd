"""The look, the limits and the bytes that all pictures share."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import matplotlib
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from msgspec import Meta

from plumbline.core.files import replacing
from plumbline.core.tensors import Array, Floats

Inches = Annotated[float, Meta(ge=3, le=40)]

# Colours of Okabe and Ito, which colour-blind people can tell apart.
# https://jfly.uni-koeln.de/color/
BLUE, GREEN, VERMILLION = "#0072B2", "#009E73", "#D55E00"


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `plot`; params.yaml says what each key means."""

    width: Inches
    height: Inches
    dpi: Annotated[int, Meta(ge=30, le=600)]


def new_figure(size: Size, title: str, xs: Sequence[str], y: str) -> tuple[Figure, list[Axes]]:
    """An empty figure with a panel for each label of an X axis; they share the Y axis `y`."""
    figure, xs, y = _empty_figure(size), [*map(_plain, xs)], _plain(y)
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


def draw_note(size: Size, text: str) -> Figure:
    """A small picture that says why there is nothing to draw."""
    figure = _empty_figure(size)
    figure.set_figheight(1)
    figure.text(0.5, 0.5, _plain(text), ha="center", va="center", wrap=True)
    return figure


def new_stack(size: Size, title: str, x: str, ys: tuple[str, str]) -> tuple[Figure, Axes, Axes]:
    """An empty figure with an upper and a lower panel, labelled `ys`; they share the X axis."""
    figure = _empty_figure(size)
    upper, lower = figure.subplots(2, sharex=True)
    upper.set_title(title, wrap=True)
    upper.set_ylabel(_plain(ys[0]))
    lower.set(xlabel=_plain(x), ylabel=_plain(ys[1]))
    figure.align_ylabels()
    return figure, upper, lower


def _empty_figure(size: Size) -> Figure:
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


def save(path: Path, figure: Figure) -> None:
    """Writes a PNG whose bytes depend on the picture alone."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
