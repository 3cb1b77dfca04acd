"""Validate repeats the training on different parts of the training samples."""

from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from plumbline import validation
from plumbline.core import tensors
from plumbline.core.errors import UserError
from stages import split, validate
from stages.split import Split
from stages.validate import split_again
from tests.support.exercise import run_stage, write_params
from tests.support.models import make_samples, train

X = np.arange(80, dtype=np.float32)[:, None]
QUICK = {"validate.repeats": 3, "train.epochs": 12}


@pytest.fixture
def data(folder: Path) -> None:
    """Writes the exercise's training and testing samples, as `train` and `test`."""
    make_samples({})


def rows(**changes: Any) -> list[validation.Repeat]:
    write_params(QUICK | {key.replace("__", "."): value for key, value in changes.items()})
    run_stage(validate, "train", "validation")
    return validation.load(Path("validation"))


def test_a_repeat_shuffles_with_its_own_seed_or_without_shuffling_drops_the_last_samples() -> None:
    for i in (0, 1, 19):
        again = split_again(X, X, Split(0.8, True, 42), i, 20)
        np.testing.assert_equal(again, split.split(X, X, Split(0.8, True, i)))
        shorter, n = split_again(X, X, Split(0.8, False, 42), i, 20), 80 - 2 * i
        np.testing.assert_equal(shorter, split.split(X[:n], X[:n], Split(0.8, False, 42)))


def test_a_row_has_the_errors_of_the_stage_train_on_the_same_samples(data: None) -> None:
    """The stage train runs for 10, for 11 and for 12 epochs, standardised and with mini-batches."""
    same = {"train.standardize": True, "train.loss": "mse", "train.batch_size": 16,
            "train.last": 3, "train.seed": 0}  # fmt: skip
    (row,) = rows(**{**same, "validate.repeats": 1})
    run_stage(split, "train", "train", "test")
    y_train, y_test = (tensors.load_targets(Path(name))[0] for name in ("train", "test"))
    errors = []
    for epochs in (10, 11, 12):
        write_params({**same, "train.epochs": epochs})
        train()
        _, predicted = tensors.load_predictions(Path("predictions"), 64, 16)
        errors.append(validation.mae(predicted, y_test))
    baseline = np.abs(y_test.astype(np.float64) - np.median(y_train)).mean()
    assert row == (0, fmean(errors), min(errors), max(errors), baseline, 16)


def test_seeds_threads_and_the_testing_samples_change_no_row(
    data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plumbline.inference.device.PIECE", 16)
    expected = rows()
    assert rows(validate__repeats=0) == []
    Path("test").unlink()
    monkeypatch.setattr(validate, "use_threads", lambda: 3)
    assert rows(train__seed=7, split__seed=7) == expected


def test_a_diverged_training_has_no_mae_and_the_stage_fails_if_all_diverge(data: None) -> None:
    X, y, info = tensors.load_samples(Path("train"))
    y = y.copy()
    y[54:] = 3e38  # the last repeat does not use these samples
    tensors.save_samples(Path("train"), X.copy(), y, info)
    found = rows(train__loss="mse", train__epochs=3)
    assert [row.mae is None for row in found] == [True, True, False]
    with pytest.raises(UserError, match="all 3 trainings diverged; lower it"):
        rows(train__loss="mse", train__lr=100, train__epochs=40, train__last=40)


def test_a_killed_validation_resumes_after_its_last_row(
    data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, train_once, seeds, kept = rows(), validate.train_once, [], Path("validation.checkpoint")

    def train_until(part: Any, held_out: Any, params: Any, *others: Any) -> validation.Repeat:
        seeds.append(params.seed)
        if seeds == [0, 1]:
            raise KeyboardInterrupt
        return train_once(part, held_out, params, *others)

    monkeypatch.setattr(validate, "train_once", train_until)
    with pytest.raises(KeyboardInterrupt):
        rows()
    content = kept.read_bytes() + b"[1,0.5"  # a row that the kill cut short
    kept.write_bytes(content)
    assert rows() == whole
    assert seeds == [0, 1, 1, 2]
    assert not kept.exists()
    kept.write_bytes(content)
    assert rows(train__lr=0.02) != whole
    assert seeds == [0, 1, 1, 2, 0, 1, 2]
