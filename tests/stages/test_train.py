"""The train stage prints the exercise's table and refuses a history that is too long to read."""

import pytest

from stages import generate, split, train
from tests.support.exercise import PUBLISHED, run_stage, write_params

OUTPUTS = ("model", "predictions", "history")


def test_train_prints_the_published_table(folder: None, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")
    capsys.readouterr()
    run_stage(train, "train", "test", *OUTPUTS)
    assert capsys.readouterr().out.startswith(PUBLISHED)


def test_a_history_too_long_to_read_is_refused_before_training(folder: None) -> None:
    write_params({"train.epochs": 10_001, "train.eval_every": 1})
    with pytest.raises(ValueError, match=r"train\.eval_every: wanted at most 10,000 .* got 10,001"):
        run_stage(train, "none", "none", *OUTPUTS)


def test_the_last_line_says_that_training_did_not_learn(
    folder: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"generate.end": 50, "train.lr": 1, "train.loss": "mse", "train.epochs": 3})
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")
    run_stage(train, "train", "test", *OUTPUTS)
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("advice: the training loss rose from ")
    assert last.endswith(": the model did not learn; lower train.lr in params.yaml")
