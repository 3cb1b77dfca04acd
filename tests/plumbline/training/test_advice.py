"""Advice is given where training cannot learn much, and nowhere else."""

import pytest
import torch
from torch import Tensor

from plumbline.training.advice import advise
from plumbline.training.batches import Samples
from plumbline.training.world import ALONE
from stages.model import MLP, Linear, Standardized

UNIT = torch.linspace(0, 1, 100)[:, None]


def samples(X: Tensor, y: Tensor = UNIT) -> Samples:
    return Samples(X, y, 0, len(X))


def advice(model: torch.nn.Module, train: Tensor, test: Tensor) -> list[str]:
    return [*advise(model, samples(train), samples(test, test[:, :1]), ALONE)]


def test_data_near_1_need_no_advice() -> None:
    assert advice(Linear(1), UNIT, UNIT) == []
    assert advice(Linear(2), torch.cat([10 * UNIT, -UNIT / 10], dim=1), torch.zeros(1, 2)) == []


@pytest.mark.parametrize("scale", [101.0, -1000.0, 1e-3])
def test_a_column_far_from_1_names_the_parameter(scale: float) -> None:
    data = torch.cat([UNIT, scale * UNIT], dim=1)
    (sentence,) = advice(Linear(2), data, data)
    assert sentence.startswith(f"a column of the data reaches {abs(scale):g}, far from 1; ")
    assert "set train.standardize to true in params.yaml" in sentence
    assert advice(Standardized(Linear(2), 2), data, data) == []


def test_a_column_of_zeros_is_not_far_from_1() -> None:
    data = torch.cat([UNIT, 0 * UNIT], dim=1)
    assert advice(Linear(2), data, data) == []


def test_a_model_that_is_no_line_is_not_to_be_tested_beyond_its_training() -> None:
    data = torch.cat([UNIT, UNIT.flip(0)], dim=1)
    (sentence,) = advice(MLP(2, 4), data[:80], data[80:])
    assert sentence.startswith("20 of 20 testing samples lie beyond the training samples; ")
    assert "set split.shuffle to true in params.yaml" in sentence
    assert advice(MLP(2, 4), data[5:95], data) == []
    assert advice(Linear(2), data[:80], data[80:]) == []
