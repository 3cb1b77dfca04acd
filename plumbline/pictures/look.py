"""Shared by all pictures: their look, axes, legends and notes, the choice of dots, and the PNG."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import matplotlib
import msgspec
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from msgspec import Meta

from plumbline.core.command import number
from plumbline.core.files import replacing
from plumbline.core.tensors import Array, Floats

# More dots than this cannot be told apart in a picture.
MAX_DOTS = 1_000
CHUNK = 2**20  # `thin` keeps the extremes of each run of this many rows

Inches = Annotated[float, Meta(ge=3, le=40)]

# Colours of Okabe and Ito, which colour-blind people can tell apart.
# https://jfly.uni-koeln.de/color/
BLUE, GREEN, VERMILLION = "#0072B2", "#009E73", "#D55E00"

FONT = "DejaVu Sans"  # part of matplotlib


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `plot` of params.yaml, which explains each key."""

    width: Inches
    height: Inches
    dpi: Annotated[int, Meta(ge=30, le=600)]


def new_picture(size: Size, title: str, xs: list[str], ys: list[str]) -> tuple[Figure, list[Axes]]:
    """An empty picture with a panel for each X label; the panels share the Y axis.

    With two Y labels it has two panels, one above the other, which share the X axis.
    """
    columns = math.ceil(math.sqrt(len(xs) * size.width / size.height)) if len(xs) > 1 else 1
    rows = max(math.ceil(len(xs) / columns), len(ys))
    columns = math.ceil(len(xs) / rows)
    figure, codes = _empty(size, "".join([*xs, *ys]), font_size=12 if len(xs) < 5 else 9)
    grid = figure.subplots(rows, columns, sharex=len(ys) > 1, sharey=len(xs) > 1, squeeze=False)
    panels, others = np.split(grid.flatten(), [max(len(xs), len(ys))])
    for panel in others:
        panel.remove()
    for panel, x in zip(panels[-len(xs) :], xs, strict=True):
        panel.set_xlabel(_label(x, size.width / columns, codes))
        if columns > 1:
            panel.locator_params(axis="x", nbins=3)
    for panel, y in zip(grid[:, 0], ys * rows, strict=False):
        panel.set_ylabel(_label(y, size.height / rows, codes))
    if columns == 1:
        panels[0].set_title(title, wrap=True)
    else:
        figure.suptitle(title, fontsize=matplotlib.rcParams["axes.titlesize"], wrap=True)
    figure.align_ylabels()
    return figure, list(panels)


def new_note(size: Size, text: str) -> Figure:
    """A small picture that says why there is nothing to draw."""
    figure, _ = _empty(size, text)
    figure.set_figheight(1)
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure


def _empty(size: Size, text: str, font_size: int = 12) -> tuple[Figure, dict[int, str]]:
    """A picture without axes, and an escape for each character that no font has; sets the style."""
    fonts, missing = _find_fonts(text)
    # A user's own matplotlibrc would change the bytes.
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.family": fonts,
            "font.size": font_size,
            "axes.titlesize": 13,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#DDDDDD",
            "legend.frameon": False,
        }
    )
    figure = Figure(figsize=(size.width, size.height), dpi=size.dpi, layout="constrained")
    return figure, {ord(character): ascii(character)[1:-1] for character in missing}


def _find_fonts(text: str) -> tuple[list[str], set[str]]:
    """The fonts that the text needs, matplotlib's own first, and the characters that none has."""

    def lacks(path: str, characters: set[str]) -> set[str]:
        font = font_manager.get_font(path)
        return {c for c in characters if not font.get_char_index(ord(c))}

    fonts, missing = [FONT], lacks(font_manager.findfont(FONT), set(text))
    for path in sorted(font_manager.findSystemFonts()) if missing else []:
        with suppress(OSError, RuntimeError):  # a font that matplotlib cannot read
            if (rest := lacks(path, missing)) != missing:
                font_manager.fontManager.addfont(path)
                fonts.append(font_manager.get_font(path).family_name)
                missing = rest
    return fonts, missing


def _label(name: str, inches: float, codes: dict[int, str]) -> str:
    """The name of a column on at most two lines; if it is longer, a third line is `...`."""
    text = " ".join(name.split()).translate(codes)
    n = int((inches - 0.5) / _width_of_letter())  # an axis is half an inch shorter than its panel
    n //= 1 + (max(text, default="") > "\u2e7f")  # Chinese, Japanese and Korean are twice as wide
    lines = re.findall(f".{{1,{n}}}(?:[ _-]|$)|.{{1,{n}}}", text)
    # matplotlib reads text between two dollar signs as a formula.
    return "\n".join([*lines[:2], *["..."] * (len(lines) > 2)]).replace("$", r"\$")


def _width_of_letter() -> float:
    """The usual width of a letter, in inches."""
    return 0.6 * float(matplotlib.rcParams["font.size"]) / 72


def note_points_outside(
    axes: Axes, what: str, count: int, total: int, dots: tuple[Floats, Floats] | None = None
) -> None:
    """Writes on the picture how many of the points lie outside its axes, if any do.

    dots: points (x, y); marks those beyond an end of the Y axis, and the note gives the farthest.
    """
    if not count:
        return
    note = f"{count:,} of {total:,} {what} lie outside this picture"
    if dots:
        (x, y), (low, high) = dots, axes.get_ylim()
        for marker, end, outside in (("^", high, y > high), ("v", low, y < low)):
            ends = np.full(outside.sum(), end)
            (marks,) = axes.plot(x[outside], ends, marker, color=VERMILLION, clip_on=False)
            marks.set_in_layout(False)
        farthest = y[np.argmax(np.abs(y - (low + high) / 2))]
        note += f", the farthest at {number(farthest, 4)}"
    text = axes.text(0.5, 0.04, note, transform=axes.transAxes, horizontalalignment="center")
    text.set(fontsize=10, color="white", backgroundcolor=VERMILLION)


def add_legend(figure: Figure, axes: Axes) -> None:
    """Adds one panel's legend below all panels, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    # In the legend, the marker and the gaps beside it are as wide as five letters.
    inches = _width_of_letter() * (max(map(len, labels)) + 5)
    columns = max(1, min(3, int(figure.get_figwidth() / inches)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def save_picture(path: Path, figure: Figure) -> None:
    """Writes a PNG whose bytes depend only on the picture.

    `Figure.savefig` would draw the picture twice.
    """
    with replacing(path) as partial:
        FigureCanvasAgg(figure).print_png(  # type: ignore[no-untyped-call]
            partial, metadata={"Software": None}
        )


def thin(most: int, *arrays: Array, rows: Sequence[int] = ()) -> list[Floats]:
    """Selects the same rows of each (n, 1) array, as (m,) float64.

    These are up to `most` evenly spaced rows, the extremes in each CHUNK of each array, and `rows`.
    """
    n = len(arrays[0])
    evenly = np.linspace(0, n - 1, min(n, most)).astype(int)
    extremes = [
        start + int(find(array[start : start + CHUNK]))
        for array in arrays
        for start in range(0, n, CHUNK)
        for find in (np.argmin, np.argmax)
    ]
    chosen = np.unique([*evenly, *extremes, *rows])
    return [array[chosen, 0].astype(np.float64) for array in arrays]


def dot_size(n: int, many: float = 3) -> float:
    """The size of each of n dots, scaled with the font; many: the size for more than 200 dots."""
    return (4 if n <= 200 else many) * float(matplotlib.rcParams["font.size"]) / 12


def limits(*values: Floats) -> tuple[float, float]:
    """The limits of an axis that shows all of the values with a margin."""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    margin = 0.1 * (high - low) or max(0.5, 0.1 * abs(high))
    return low - margin, high + margin


def step_above(value: float) -> float:
    """The first of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is above the value; 1 for 0.

    Revisions with similar values get the same limit, so their pictures are comparable.
    """
    if value == 0:
        return 1.0
    power = math.floor(math.log10(value))
    return next(step for n in (1, 2, 5, 10) if (step := float(f"{n}e{power}")) > value)


def step_below(value: float) -> float:
    """The last of the same steps that is below the value, which is positive."""
    return 1 / step_above(1 / value)
