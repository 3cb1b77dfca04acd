"""The train stage prints the published table, and refuses a history that is too long to read."""

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


def test_the_model_file_describes_the_training_samples_and_the_last_printed_line_is_advice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_samples({"generate.noise": 0.1, "train.lr": 9, "train.loss": "mse", "train.epochs": 3})
    train()
    X, y, _ = tensors.load_samples(Path("train"))
    info = tensors.load_info(Path("model"), ModelInfo)
    assert (info.features, info.target, info.device) == (["X"], "y", "cpu")
    assert (info.ranges, info.median) == ([(X.min(), X.max())], np.median(y))
    assert info.samples == hashlib.md5(Path("train").read_bytes()).hexdigest()  # noqa: S324
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("advice: the training loss rose from ")


def test_a_history_too_long_to_read_is_refused_before_training(folder: Path) -> None:
    write_params({"train.epochs": 10_001, "train.eval_every": 1})
    with pytest.raises(UserError, match=r"train\.eval_every: wanted at most 10,000 .* got 10,001"):
        train()
