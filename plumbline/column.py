"""Converts a column of a table to float32; errors name the row."""

import math
import reprlib
from bisect import bisect_left
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pyarrow as pa
from pyarrow import compute
from pyarrow.csv import ConvertOptions

from plumbline.core.errors import UserError
from plumbline.core.params import MAX
from plumbline.core.tensors import Array

HELP = "docs/your-own.md explains how to prepare a table"
PRECISION = 1 / 1000  # float32 may round a number by this fraction of its column's range
TINY = 1e-30  # far above the subnormal numbers, which float32 holds with fewer digits


def texts(*values: str) -> pa.Array:
    """An Arrow array of the texts. `pa.array` would take 0.8 s to import pandas, if installed."""
    content = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, content)], dtype=np.int32)
    buffers = pa.py_buffer(ends), pa.py_buffer(b"".join(content))
    return pa.StringArray.from_buffers(len(values), *buffers)


GAPS = texts(*ConvertOptions().null_values)  # an empty cell, NA, nan and so on
# Arrow would import pandas for `None` and `math.nan` too.
NULL, NAN = pa.nulls(1, pa.string())[0], texts("nan").cast(pa.float64())[0]


class Column:
    """Converts a column, some rows at a time, and records how far float32 rounds its numbers."""

    def __init__(self, name: str, trained: tuple[float, float] | None = None) -> None:
        # trained: the column's range in a model's training samples, used instead of its own range
        self.name, self.trained = name, trained
        self.is_boolean: bool | None = None  # None until a text cell is a number or a boolean
        self.low, self.high = math.inf, -math.inf
        self.moved, self.too_coarse = 0.0, ""  # the largest rounding error, and its message
        self.equal: set[Decimal] = set()  # different numbers that are equal as float64

    def convert(self, cells: pa.Array, row: int, out: Array) -> None:
        """Writes the cells to `out`, with nan for a gap; `row` is the number of the first cell.

        UserError for a cell that is not a number or not finite as float32.
        """
        numbers = self._parse(cells, row)
        values = np.from_dlpack(numbers.fill_null(NAN))  # `to_numpy` would import pandas
        low = float(np.fmin.reduce(values, initial=math.inf))
        high = float(np.fmax.reduce(values, initial=-math.inf))
        if low < -MAX or high > MAX:
            i = int(np.argmax(np.abs(values) > MAX))
            raise UserError(f"{self._cell(row + i)}: wanted a finite float32, got {values[i]}")
        out[:] = values
        self.low, self.high = min(self.low, low), max(self.high, high)
        # float32 rounds by at most 2**-24 of the number, so most columns need no further check.
        if low > high or max(-self.low, self.high, TINY) * 2.0**-24 <= self._limit():
            return
        moved = np.abs(values - out)
        i = int(np.nanargmax(moved))
        if moved[i] > self.moved:
            self.moved, became = float(moved[i]), _plain(float(out[i]))
            self.too_coarse = (
                f"{self._cell(row + i)}: wanted a number that float32 can hold, "
                f"got {_text(cells, i)}, which becomes {became}"
            )
        if self.low == self.high and not self.is_boolean:
            found = compute.unique(cells.filter(compute.is_finite(numbers))).to_pylist()
            self.equal |= {Decimal(number) for number in found[:2]}

    def check_precision(self) -> None:
        """UserError if float32 rounds a number too far, or different numbers to a constant."""
        cure = "; that is too far, given the range that the model was trained on"
        if self.trained is None:
            cure = f"; subtract an offset from the column, such as {_plain(self.low)}"
            if max(-self.low, self.high) <= TINY:
                cure = "; multiply the column by a large number"
            cure += ", or leave the column out"
        if self.trained or self.low < self.high:
            if self.moved > self._limit():
                raise UserError(self.too_coarse + cure)
        elif len(self.equal) > 1:  # a real constant may be rounded by any distance
            both = " and ".join(map(str, sorted(self.equal)[:2]))
            raise UserError(f"{self.name}: wanted numbers that differ as float32, got {both}{cure}")

    def _limit(self) -> float:
        """The largest distance by which float32 may round a number."""
        low, high = self.trained or (self.low, self.high)
        return (high - low) * PRECISION or (math.inf if self.trained else 0.0)

    def _cell(self, row: int) -> str:
        return f"{self.name}, row {row} below the header"

    def _parse(self, cells: pa.Array, row: int) -> pa.Array:
        """The cells as float64, with null for a gap; UserError for a cell that is not a number."""
        if cells.type != pa.string():
            return cells.cast(pa.float64(), safe=False)
        if not self.is_boolean and (numbers := self._cast(cells)):
            self.is_boolean = False
            return numbers
        cells = compute.ascii_trim_whitespace(cells)
        cells = compute.if_else(compute.is_in(cells, GAPS), NULL, cells)
        if self.is_boolean is None and (found := cells.drop_null()):
            self.is_boolean = _text(found, 0).lower() in ("true", "false")
        if (numbers := self._cast(cells)) is not None:
            return numbers
        i = bisect_left(range(len(cells)), True, key=lambda i: self._cast(cells[: i + 1]) is None)
        wanted, got = "true or false" if self.is_boolean else "a number", _text(cells, i)
        raise UserError(f"{self._cell(row + i)}: wanted {wanted}, got {reprlib.repr(got)}; {HELP}")

    def _cast(self, cells: pa.Array) -> pa.Array | None:
        """The texts as float64; None if one is not a number (boolean column: not a boolean)."""
        with suppress(pa.ArrowInvalid):
            return (cells.cast(pa.bool_()) if self.is_boolean else cells).cast(pa.float64())
        return None


def _plain(number: float) -> str:
    return str(int(number) if number.is_integer() and abs(number) < 1e20 else number)


def _text(cells: pa.Array, i: int) -> str:
    """The cell as written in the table, with the code of each byte that is not UTF-8."""
    if cells.type == pa.string():
        return str(cells[i : i + 1].cast(pa.binary())[0].as_py().decode(errors="backslashreplace"))
    return str(cells[i].as_py())
