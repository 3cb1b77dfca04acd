"""The titles show sample counts, settings, and the test MAE or a rise of the training loss."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from plumbline import history, validation
from plumbline.core import tensors
from plumbline.history import Epoch
from stages import plot
from tests.support.exercise import GATE, INFO, run_stage

INPUTS = ("train", "test", "predictions", "history", "validation", "gate.yaml")
PICTURES = ("data", "predicted", "losses", "validated", "landscape")
SETTINGS = "linear, lr 0.01, 300 epochs"
FIT = f"{SETTINGS}: test MAE 0.25"


@pytest.mark.parametrize(
    ("end", "expected"), [(0.5, FIT), (1.25, f"{SETTINGS}: the training loss rose from 1 to 1.25")]
)
def test_the_titles_show_the_settings_and_the_test_mae_or_a_rise_of_the_training_loss(
    folder: Path, monkeypatch: pytest.MonkeyPatch, end: float, expected: str
) -> None:
    X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    tensors.save_samples(Path("train"), X, X, INFO)
    tensors.save_samples(Path("test"), X[:4], X[:4], INFO)
    tensors.save(Path("predictions"), {"train": X, "test": X[:4] + np.float32(0.25)})
    history.save(Path("history"), [Epoch(0, 1, 1, 0.3, 0.9), Epoch(9, end, 1, 0.3, 0.9)])
    validation.save(Path("validation"), [validation.Repeat(0, 0.1, 0.1, 0.2, 0.5, 2)])
    Path("gate.yaml").write_text(GATE)
    figures: list[Figure] = []
    monkeypatch.setattr("plumbline.pictures.look.save_picture", lambda _, f: figures.append(f))
    run_stage(plot, *INPUTS, *PICTURES)
    titles = [figure.axes[0].get_title().replace("\n", " ") for figure in figures]
    assert titles == ["10 training and 4 testing samples", FIT, expected, SETTINGS, FIT]
    assert figures[3].legends[0].get_texts()[-1].get_text() == "limit: 0.05"
