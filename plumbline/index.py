"""The index of a data frame, among the columns of a table that pandas wrote."""

import itertools
import re
from contextlib import suppress

import numpy as np

from plumbline.core.errors import UserError
from plumbline.table import Header, read_rows

# What pandas calls an index, or a column without a name, when it writes a table or reads it again.
INDEX = re.compile(r"|Unnamed: \d+(\.\d+)*(_level_\d+)?|__index_level_\d+__")


def find_index(header: Header) -> list[str]:
    """The columns in which pandas wrote the index of a data frame, by all its marks.

    `index` and `level_1` may be data too, unless they hold 0 to n - 1, in any order.
    """
    index = [name for name in header.names if name in header.index or INDEX.fullmatch(name)]
    others = [name for name in header.names if name not in index]
    n = next(i for i in itertools.count() if others[i : i + 1] != [f"level_{i}"])
    return index + others[:n] + [name for name in others[n:] if _counts_rows(header, name)]


def _counts_rows(header: Header, name: str) -> bool:
    if re.fullmatch(r"index|level_\d+", name):
        with suppress(UserError):
            rows = np.sort(np.concatenate([np.empty((0, 1)), *read_rows(header, [name])]), axis=0)
            return np.array_equal(rows[:, 0], np.arange(len(rows), dtype=np.float32))
    return False
