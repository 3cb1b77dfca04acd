"""The pictures' titles tell the settings, the error, and a training that did not learn."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from plumbline import history, validation
from plumbline.core import tensors
from plumbline.history import Epoch
from stages import plot
from tests.support.exercise import GATE, INFO, run_stage

X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
INPUTS = ("train", "test", "predictions", "history", "validation", "gate.yaml")
PICTURES = ("data", "predicted", "losses", "validated", "landscape")
SETTINGS = "linear, lr 0.01, 300 epochs"
FIT = f"{SETTINGS}: test MAE 0.25"


@pytest.mark.parametrize(
    ("losses", "told"),
    [([1.0] * 20, FIT), ([0.5, 1.25], f"{SETTINGS}: the training loss rose from 0.5 to 1.25")],
)
def test_each_title_tells_the_settings_and_the_error_or_that_training_did_not_learn(
    folder: Path, monkeypatch: pytest.MonkeyPatch, losses: list[float], told: str
) -> None:
    tensors.save_samples(Path("train"), X, X, INFO)
    tensors.save_samples(Path("test"), X[:4], X[:4], INFO)
    tensors.save(Path("predictions"), {"train": X, "test": X[:4] + np.float32(0.25)})
    history.save(Path("history"), [Epoch(i, loss, 1.0, 0.3, 0.9) for i, loss in enumerate(losses)])
    validation.save(Path("validation"), [validation.Repeat(0, 0.1, 0.1, 0.2, 0.5, 2)])
    Path("gate.yaml").write_text(GATE)
    titles: list[str] = []

    def keep_title(path: Path, figure: Figure) -> None:
        titles.append(figure.axes[0].get_title().replace("\n", " "))

    monkeypatch.setattr("plumbline.pictures.look.save_picture", keep_title)
    run_stage(plot, *INPUTS, *PICTURES)
    data, predicted, loss, *others = titles
    assert data == "10 training and 4 testing samples"
    assert (predicted, others) == (FIT, [SETTINGS, FIT])
    assert loss.startswith(told)
