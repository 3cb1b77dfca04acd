"""Validate repeats the training on other parts of the training samples, and keeps each error."""

from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from plumbline import metrics, validation
from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.params import load
from stages import generate, split, train, validate
from stages.split import Split
from stages.validate import split_again
from tests.support.exercise import run_stage, write_params

pytestmark = pytest.mark.slow

X = np.arange(80, dtype=np.float32)[:, None]


@pytest.fixture
def data(folder: Path) -> Path:
    """Writes the exercise's training and testing samples, as `train` and `test`."""
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")
    return folder


def rows(**changes: Any) -> list[validation.Row]:
    write_params({"validate.repeats": 3, **{k.replace("__", "."): v for k, v in changes.items()}})
    run_stage(validate, "train", "validation")
    return validation.load(Path("validation"))


def test_samples_in_an_order_lose_their_end_and_are_split_in_order() -> None:
    for i in (0, 1, 10, 19):
        (kept, _), (held_out, _) = split_again(X, X, Split(0.8, False, 42), i, 20)
        n = 80 - 80 * i // 40
        assert np.concatenate([kept, held_out])[:, 0].tolist() == list(range(n))
        assert len(kept) == round(0.8 * n)


def test_shuffled_samples_are_drawn_with_the_seed_of_the_repeat() -> None:
    first, second = (split_again(X, X, Split(0.8, True, 42), i, 20) for i in (0, 1))
    assert sorted(np.concatenate([part[0] for part in first])[:, 0]) == list(range(80))
    assert not np.array_equal(first[0][0], second[0][0])


def test_a_row_is_the_error_of_the_plain_loop_over_the_last_epochs(data: Path) -> None:
    X, y = (torch.tensor(a) for a in tensors.load_samples(Path("train"))[:2])
    for row in rows():
        n = 80 - 80 * row.seed // 6
        cut, errors = round(0.8 * n), []
        torch.manual_seed(row.seed)
        model = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for epoch in range(300):
            optimizer.zero_grad()
            nn.functional.l1_loss(model(X[:cut]), y[:cut]).backward()
            optimizer.step()
            if epoch >= 290:
                with torch.inference_mode():
                    predicted = model(X[cut:n]).numpy()
                errors.append(metrics.mae(predicted, y[cut:n].numpy()))
        assert (row.mae, row.mae_low, row.mae_high) == (fmean(errors), min(errors), max(errors))
        median = np.median(y[:cut].numpy())
        assert row.baseline_mae == np.abs(y[cut:n].numpy().astype(np.float64) - median).mean()
        assert row.held_out == n - cut


def test_a_row_is_what_train_gives_on_the_same_samples(data: Path) -> None:
    """Stopped at each of the last epochs, with a standardised model and mini-batches."""
    same = {"train.standardize": True, "train.loss": "mse", "train.batch_size": 16,
            "train.epochs": 12, "train.last": 3}  # fmt: skip
    write_params({**same, "validate.repeats": 1})
    run_stage(validate, "train", "validation")
    (row,) = validation.load(Path("validation"))
    run_stage(split, "train", "part", "held_out")
    y, _ = tensors.load_targets(Path("held_out"))
    errors = []
    for epochs in (10, 11, 12):
        write_params({**same, "train.epochs": epochs, "train.seed": 0})
        run_stage(train, "part", "held_out", "model", "predictions", "history")
        _, predicted = tensors.load_predictions(Path("predictions"), 64, 16)
        errors.append(metrics.mae(predicted, y))
    assert (row.mae, row.mae_low, row.mae_high) == (fmean(errors), min(errors), max(errors))


def test_the_seeds_of_train_and_split_and_the_testing_samples_change_no_row(data: Path) -> None:
    expected = rows()
    Path("test").unlink()
    assert rows(train__seed=7, split__seed=7) == expected


def test_a_training_that_diverges_has_no_error_and_the_stage_fails_if_all_do(data: Path) -> None:
    X, y, info = tensors.load_samples(Path("train"))
    y = y.copy()
    y[54:] = 3e38  # beyond the samples that the last repeat trains on
    tensors.save_samples(Path("train"), X.copy(), y, info)
    found = rows(train__loss="mse", train__epochs=3)
    assert [row.mae is None for row in found] == [True, True, False]
    with pytest.raises(UserError, match="wanted a training that stays finite, got 3 that did not"):
        rows(train__loss="mse", train__lr=1e30)


def test_without_repeats_there_is_no_row_and_it_is_said(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows(validate__repeats=0) == []
    assert "one training, which is not judged" in capsys.readouterr().out


def test_a_killed_validation_goes_on_after_its_last_row(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, once, seeds = rows(), validate.train_once, []

    def train_until(part: Any, held_out: Any, params: Any, *others: Any) -> validation.Row:
        seeds.append(params.seed)
        if seeds == [0, 1]:
            raise KeyboardInterrupt
        return once(part, held_out, params, *others)

    monkeypatch.setattr(validate, "train_once", train_until)
    with pytest.raises(KeyboardInterrupt):
        rows()
    assert rows() == whole
    assert seeds == [0, 1, 1, 2]
    assert not Path("validation.checkpoint").exists()


def test_the_number_of_threads_changes_no_row(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows()
    monkeypatch.setattr("plumbline.inference.device.PIECE", 16)
    pieces = rows()
    monkeypatch.setattr(validate, "use_threads", lambda: 3)
    assert rows() == pieces
    assert pieces == [pytest.approx(row, rel=1e-3) for row in expected]


def test_a_section_without_repeats_is_refused(folder: Path) -> None:
    write_params({"validate.repeats": -1})
    with pytest.raises(UserError, match=r"validate\.repeats: wanted int >= 0"):
        load(validate.Params)
