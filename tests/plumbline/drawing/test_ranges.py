"""Large data is shown as a thousand dots, and every axis has limits that compare."""

import numpy as np
import pytest

from plumbline.drawing import ranges


def test_a_million_samples_are_thinned_to_a_thousand_dots_including_both_ends() -> None:
    n = 10**6
    (x,) = ranges.thin(np.arange(n, dtype=np.float32)[:, None])
    assert (len(x), x[0], x[-1]) == (ranges.DOTS, 0, n - 1)


def test_equal_values_of_any_size_get_an_axis_around_them() -> None:
    assert ranges.limits(np.full((3, 1), 2, np.float32)) == (1.5, 2.5)
    low, high = ranges.limits(np.full((3, 1), -1e30, np.float32))
    assert low < -1e30 < high


STEPS = [(0.00647, 0.01), (0.01, 0.02), (0.99, 1), (1, 2), (2.5, 5), (5, 10), (3e38, 5e38)]


@pytest.mark.parametrize(("value", "step"), [(0, 1), (1e-45, 2e-45), *STEPS])
def test_the_step_above_a_value_is_the_next_of_1_2_5(value: float, step: float) -> None:
    assert ranges.step_above(value) == step


@pytest.mark.parametrize(("value", "step"), [(0.0035, 0.002), (0.001, 0.0005), (7, 5), (1e9, 5e8)])
def test_the_step_below_a_value_is_the_last_of_1_2_5(value: float, step: float) -> None:
    assert ranges.step_below(value) == pytest.approx(step)
