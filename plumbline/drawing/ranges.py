"""What a picture shows of its numbers: which of them, and between which limits."""

import math

import numpy as np

from plumbline.core.tensors import Array, Floats

# More dots than this cannot be told apart in a picture.
DOTS = 1_000


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
