"""The generated samples lie on the line, apart from their noise."""

import numpy as np
import pytest
import torch

from stages.generate import Generate, generate
from tests.support.exercise import EXERCISE


def line(**changes: float) -> tuple[torch.Tensor, torch.Tensor]:
    return generate(Generate(**{**EXERCISE["generate"], **changes}))


def test_every_sample_lies_on_the_line() -> None:
    X, y = line(weight=-2.5, bias=4, start=-3, end=7, step=0.25)
    assert X.dtype == y.dtype == torch.float32
    np.testing.assert_allclose(X, np.arange(-3, 7, 0.25)[:, None])
    np.testing.assert_allclose(y, 4 - 2.5 * X, rtol=1e-6)


def test_the_noise_depends_on_the_seed_and_not_on_the_number_of_threads() -> None:
    """The noise is also Gaussian, with mean 0."""
    before, found = torch.get_num_threads(), []
    for threads, seed in ((1, 1), (3, 1), (1, 2)):
        torch.set_num_threads(threads)
        found.append(line(step=1 / 99991, noise=0.5, seed=seed))
    torch.set_num_threads(before)
    single, threaded, (X, y) = found
    assert all(map(torch.equal, single, threaded))
    assert not torch.equal(single[1], y)
    noise = (y - (0.3 * X + 0.9)).double()
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.5) < 0.01
    assert abs((noise.abs() < 0.5).double().mean() - 0.6827) < 0.01


@pytest.mark.parametrize(("start", "end"), [(1, 1), (0, 1e30)])
def test_zero_samples_and_too_many_samples_are_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match=r"^params.yaml: generate.end, .* wanted 1 to 2147483647"):
        line(start=start, end=end)
