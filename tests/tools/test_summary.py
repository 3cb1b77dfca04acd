"""The last lines of `make repro`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plumbline.core.errors import UserError
from plumbline.core.files import write_json
from plumbline.core.metadata import Line, SamplesInfo
from plumbline.core.tensors import save_samples
from tests.support.exercise import pipeline
from tools import summary


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Writes what the summary reads: metrics, the verdict, and samples with or without a line."""

    def write(line: Line | None, **metrics: float) -> None:
        (folder / "dvc.yaml").write_text(pipeline())
        verdict = {"matches": True, "max_abs_difference": 0.0}
        write_json(Path("models/verify.json"), verdict)
        write_json(Path("metrics.json"), metrics)
        X, info = np.ones((1, 1), np.float32), SamplesInfo(features=["X"], target="y", line=line)
        save_samples(Path("data/train.safetensors"), X, X, info)

    return write


REST = [
    "test MAE:     0.005",
    "reloaded:     matches, largest difference 0",
    "pictures:     plots/data.png plots/predictions.png plots/loss.png plots/landscape.png",
]


def summarize(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    summary.main(summary.Namespace())
    return capsys.readouterr().out.splitlines()


def test_the_summary_shows_the_learned_line_above_the_true_line(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write((1.002, -0.2925), weight=0.31, bias=0.92, test_mae=0.005, more=1)
    assert summarize(capsys) == [
        "learned line: y = 0.31 * X + 0.92",
        "true line:    y = 1.002 * X - 0.2925",
        *REST,
    ]


def test_the_summary_shows_no_line_if_there_is_none(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.005)
    assert summarize(capsys) == REST


def test_a_missing_metric_is_named_with_its_file(write: Callable[..., None]) -> None:
    write(None, weight=0.31, bias=0.92)
    with pytest.raises(UserError, match="^metrics.json: wanted test_mae, got "):
        summary.main(summary.Namespace())
