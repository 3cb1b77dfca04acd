"""The train stage prints the exercise's table and refuses a history that is too long to read."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import ModelInfo
from tests.support.exercise import PUBLISHED, write_params
from tests.support.models import make_samples, train


def test_train_prints_the_published_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_samples({})
    capsys.readouterr()
    train()
    assert capsys.readouterr().out.startswith(PUBLISHED)


def test_the_models_file_describes_the_training_samples(folder: Path) -> None:
    make_samples({"generate.noise": 0.1, "train.epochs": 1})
    train()
    X, y, _ = tensors.load_samples(Path("train"))
    info = tensors.load_info(Path("model"), ModelInfo)
    assert (info.features, info.target, info.device) == (["X"], "y", "cpu")
    assert (info.ranges, info.median) == ([(X.min(), X.max())], np.median(y))
    digest = hashlib.md5(Path("train").read_bytes(), usedforsecurity=False)
    assert info.samples == digest.hexdigest()


def test_a_history_too_long_to_read_is_refused_before_training(folder: Path) -> None:
    write_params({"train.epochs": 10_001, "train.eval_every": 1})
    with pytest.raises(UserError, match=r"train\.eval_every: wanted at most 10,000 .* got 10,001"):
        train()


def test_the_last_line_says_that_training_did_not_learn(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_samples({"generate.end": 50, "train.lr": 1, "train.loss": "mse", "train.epochs": 3})
    train()
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("advice: the training loss rose from ")
    assert last.endswith(": the model did not learn; lower train.lr in params.yaml")
