"""The pictures' titles tell the settings, the error, and a training that did not learn."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from plumbline import history
from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.drawing import canvas
from plumbline.history import Row
from stages import plot
from tests.support.exercise import INFO, run_stage

X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
INPUTS = ("train", "test", "predictions", "history")
LEARNED = [Row(0, 0.5, 0.4, 0.9, 0.8), Row(299, 0.05, 0.04, 0.3, 0.9)]
ROSE = [Row(0, 0.5, 0.4, 0.9, 0.8), Row(299, 1.25, 9.0, 0.3, 0.9)]


def titles(monkeypatch: pytest.MonkeyPatch, rows: list[Row], *pictures: str) -> list[str]:
    """The title of each picture that the stage saves, for predictions that are off by 0.25."""
    tensors.save_samples(Path("train"), X, X, INFO)
    tensors.save_samples(Path("test"), X[:4], X[:4], INFO)
    tensors.save(Path("predictions"), {"train": X, "test": X[:4] + np.float32(0.25)})
    history.save(Path("history"), rows)
    saved: dict[str, str] = {}

    def keep_title(path: Path, figure: Figure) -> None:
        saved[str(path)] = figure.axes[0].get_title().replace("\n", " ")

    monkeypatch.setattr(canvas, "save", keep_title)
    run_stage(plot, *INPUTS, *pictures)
    return [saved[name] for name in pictures]


def test_each_title_tells_the_settings_and_the_error_or_the_samples(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = "linear, lr 0.01, 300 epochs: test MAE 0.25"
    assert titles(monkeypatch, LEARNED, "data", "predicted", "losses", "landscape") == [
        "10 training and 4 testing samples", fit, fit, fit,
    ]  # fmt: skip


def test_the_losses_title_says_that_training_did_not_learn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, predicted, losses = titles(monkeypatch, ROSE, "data", "predicted", "losses")
    assert predicted.endswith(": test MAE 0.25")
    assert losses.endswith(": did not learn, training loss rose from 0.5 to 1.25")


def test_a_landscape_of_a_model_that_is_no_line_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"^landscape: wanted a line in one feature, got linear in"):
        titles(monkeypatch, [Row(0, 0.5, 0.4)], "data", "predicted", "losses", "landscape")
