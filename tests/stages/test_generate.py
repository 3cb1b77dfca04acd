"""The samples of the line."""

import numpy as np
import pytest
import torch

from stages.generate import Generate, generate
from tests.support.exercise import EXERCISE


def line(**changes: float) -> tuple[torch.Tensor, torch.Tensor]:
    return generate(Generate(**{**EXERCISE["generate"], **changes}))


def test_the_exercise_has_a_hundred_samples_from_0_to_99_hundredths() -> None:
    X, y = line()
    assert X.dtype == y.dtype == torch.float32
    assert torch.equal(X, torch.arange(0, 1, 0.01).unsqueeze(1))
    assert torch.equal(y, 0.3 * X + 0.9)


def test_every_sample_lies_on_the_line() -> None:
    _, y = line(weight=-2.5, bias=4, start=-3, end=7, step=0.25)
    np.testing.assert_allclose(y, 4 - 2.5 * np.arange(-3, 7, 0.25)[:, None], rtol=1e-6)


def test_noise_is_gaussian_around_the_line() -> None:
    X, y = line(step=1e-5, noise=0.5)
    noise = (y - (0.3 * X + 0.9)).double()
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.5) < 0.01
    assert abs((noise.abs() < 0.5).double().mean() - 0.6827) < 0.01


def test_the_seed_decides_the_noise() -> None:
    same, again, other = (line(noise=1, seed=seed)[1] for seed in (1, 1, 2))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_the_number_of_threads_changes_no_bit() -> None:
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(line(step=1 / 99991, noise=1))
    torch.set_num_threads(before)
    for X, y in results[1:]:
        assert torch.equal(X, results[0][0])
        assert torch.equal(y, results[0][1])


@pytest.mark.parametrize("bounds", [(1, 1), (1, 0), (0, 1e30)])
def test_zero_samples_and_too_many_samples_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"^params.yaml: generate.end, .* wanted 1 to 2147483647"):
        line(start=bounds[0], end=bounds[1])
