"""A column of a table as float32; an error names the row."""

import math
import reprlib
from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from plumbline.core.errors import UserError
from plumbline.core.params import MAX
from plumbline.core.tensors import Array

HELP = "docs/your-own.md says how to prepare a table"
TINY = 1e-30  # far above the numbers that float32 holds with fewer digits


class Column:
    """Converts a column, some rows at a time, and knows how far that moves its numbers."""

    def __init__(self, name: str, limit: float | None = None) -> None:
        # limit: how far float32 may move a number; without it, `check_precision` finds one
        self.name, self.limit = name, limit
        self.is_boolean: bool | None = None  # None until there is a text
        self.n, self.mean, self.squares = 0, 0.0, 0.0  # squares: of the distances from the mean
        self.low, self.high, self.is_wide = math.inf, -math.inf, False
        self.moved, self.farthest = 0.0, ""  # the number that float32 moves most: how far, which
        self.first: Decimal | None = None
        self.other = ""  # a number that only float64 takes for the first

    def convert(self, cells: pa.Array, row: int, out: Array) -> None:
        """Writes the cells to `out`, nan for an empty one; `row` is the number of the first.

        UserError for a text, and for a number beyond float32 or its limit.
        """
        numbers = self._parse(cells, row)
        values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)  # nan if empty
        there = values[numbers.is_valid().to_numpy(False)] if numbers.null_count else values
        low, high = there.min(initial=MAX), there.max(initial=-MAX)
        if not (low >= -MAX and high <= MAX):  # one of them may be nan
            bad = ~(np.abs(values) <= MAX) & numbers.is_valid().to_numpy(False)
            i = int(np.argmax(bad))
            raise UserError(f"{self._cell(row + i)}: wanted a finite float32, got {values[i]}")
        out[:] = values
        if not len(there):
            return
        if self.limit is not None:
            self._check_limit(cells, row, values, out)
            return
        self.low, self.high = min(self.low, low), max(self.high, high)
        # float32 moves a number by at most 2**-24 of it. Two numbers that are so far apart make the
        # deviation large enough for that in a table of 10**9 rows. Most columns are done here.
        largest = max(-self.low, self.high)
        self.is_wide = largest > TINY and self.high - self.low > largest / 2
        if not self.is_wide:
            self._follow(there)
            moved = np.abs(values - out)
            if (distance := float(np.nanmax(moved))) > self.moved:
                i = int(np.nanargmax(moved))
                self.moved, self.farthest = distance, self._describe(cells, row, out, i)
            if self.low == self.high != 0 and not self.other and not self.is_boolean:
                self._compare(cells, row, out)

    def check_precision(self) -> None:
        """UserError if float32 moves a number by more than a hundredth of the deviation.

        That is the standard deviation of all rows. A constant column may be moved by any distance.
        """
        limit = math.sqrt(self.squares / max(self.n, 1)) / 100
        wrong = self.farthest if self.moved > limit and not self.is_wide else ""
        if wrong := self.other if self.low == self.high else wrong:
            cure = f"subtract an offset from the column, such as {_plain(self.low)}"
            if max(-self.low, self.high) <= TINY:
                cure = "multiply the column by a large number"
            raise UserError(
                f"{wrong}, too far for a column with so small a standard deviation; "
                f"{cure}, or leave it out"
            )

    def _cell(self, row: int) -> str:
        return f"{self.name}, row {row} below the header"

    def _parse(self, cells: pa.Array, row: int) -> pa.Array:
        """The cells as float64; UserError for one that is no number."""
        if cells.type != pa.string():
            return cells.cast(pa.float64(), safe=False)
        if self.is_boolean is None and cells.null_count < len(cells):
            i = int(np.argmax(cells.is_valid().to_numpy(zero_copy_only=False)))
            self.is_boolean = _text(cells, i).strip().lower() in ("true", "false")
        trimmed = cells
        for _ in range(2):
            try:
                return self._cast(trimmed)
            except pa.ArrowInvalid:
                trimmed = compute.ascii_trim_whitespace(cells)
        good, bad = 0, len(cells)  # so many cells from the first are numbers, or are not all
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                self._cast(trimmed[good:middle])
                good = middle
            except pa.ArrowInvalid:
                bad = middle
        wanted = "true or false" if self.is_boolean else "a number"
        got = reprlib.repr(_text(cells, good))
        raise UserError(f"{self._cell(row + good)}: wanted {wanted}, got {got}; {HELP}")

    def _cast(self, texts: pa.Array) -> pa.Array:
        return (texts.cast(pa.bool_()) if self.is_boolean else texts).cast(pa.float64())

    def _check_limit(
        self, cells: pa.Array, row: int, values: NDArray[np.float64], out: Array
    ) -> None:
        moved = np.abs(values - out)
        if np.nanmax(moved) > self.limit:
            said = self._describe(cells, row, out, int(np.nanargmax(moved)))
            raise UserError(f"{said}, too far for the range that the model was trained on")

    def _follow(self, there: NDArray[np.float64]) -> None:
        """Updates the mean and the squares by the next numbers."""
        # https://en.wikipedia.org/wiki/Algorithms_for_calculating_variance#Parallel_algorithm
        n, step = len(there), float(there.mean()) - self.mean
        self.squares += n * float(there.var()) + step**2 * self.n * n / (self.n + n)
        self.n += n
        self.mean += step * n / self.n

    def _compare(self, cells: pa.Array, row: int, out: Array) -> None:
        """Notes a number that is not the first one, in a column where float64 holds only one."""
        for value in compute.unique(cells.drop_null()).to_pylist():
            number = Decimal(value)
            self.first = number if self.first is None else self.first
            if number != self.first:
                i = compute.index(cells, value).as_py()
                self.other = self._describe(cells, row, out, i)
                return

    def _describe(self, cells: pa.Array, row: int, out: Array, i: int) -> str:
        return (
            f"{self._cell(row + i)}: wanted a number that float32 can hold, "
            f"got {_text(cells, i)}, which becomes {_plain(float(out[i]))}"
        )


def _plain(number: float) -> str:
    return str(int(number) if number.is_integer() and abs(number) < 1e20 else number)


def _text(cells: pa.Array, i: int) -> str:
    """The cell as the table has it; a byte that is not UTF-8 as its code."""
    if cells.type == pa.string():
        return str(cells[i : i + 1].cast(pa.binary())[0].as_py().decode(errors="backslashreplace"))
    return str(cells[i].as_py())
