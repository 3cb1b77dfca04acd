"""The summary, which `make repro` prints last."""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plumbline import validation
from plumbline.commands import summary
from plumbline.core.files import write_json
from plumbline.core.tensors import Line, SamplesInfo, save_samples
from plumbline.validation import Repeat
from tests.support.exercise import GATE, ROOT, STAGES, pipeline

pytestmark = pytest.mark.slow

PICTURES = [path for stage in STAGES.values() for path in stage.outs if path.endswith(".png")]
RELOADED = "reloaded:       matches, largest difference 0"
TEST_MAE = "test_mae:       0.006"
Summarize = Callable[..., list[str]]


@pytest.fixture
def summarize(folder: Path, capsys: pytest.CaptureFixture[str]) -> Summarize:
    """A function that returns the summary's lines for an exercise's true line and its metrics."""
    (folder / "dvc.yaml").write_text(pipeline())
    (folder / "gate.yaml").write_text(GATE)
    verdict = {"matches": True, "max_abs_difference": 0.0}
    write_json(Path("models/verify.json"), verdict)

    def summarize(line: Line | None = None, **metrics: float | str) -> list[str]:
        write_json(Path("metrics.json"), metrics)
        X, info = np.ones((1, 1), np.float32), SamplesInfo(features=["X"], target="y", line=line)
        save_samples(Path("data/train.safetensors"), X, X, info)
        capsys.readouterr()
        summary.main(Namespace())
        return capsys.readouterr().out.splitlines()

    return summarize


def commit(metrics: str | None = None) -> None:
    """Commits dvc.yaml, plots/ and metrics.json if they exist; metrics: text for metrics.json."""
    if metrics is not None:
        Path("metrics.json").write_text(metrics)
    person = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    paths = [path for path in ("dvc.yaml", "metrics.json", "plots") if Path(path).exists()]
    for command in (("init",), ("add", *paths), (*person, "commit", "--message=results")):
        subprocess.run(("git", *command), check=True, stdout=subprocess.DEVNULL)


def test_the_summary_shows_the_learned_line_below_the_true_line(summarize: Summarize) -> None:
    own = "\n  own: {cmd: x, plots: [plots/own.png, plots/own.csv]}\n\n  train:\n"
    Path("dvc.yaml").write_text(pipeline().replace("\n  train:\n", own))
    learned = {"weight": 0.31, "bias": 0.92, "device": "cuda", "more": 1}
    errors = {"test_mae": 0.006, "validation_mae": 23321.7}
    pictures, *lines = summarize((1.002, -0.2925), **learned, **errors)
    assert {*pictures.split()} == {"pictures:", "plots/own.png", *PICTURES}
    assert lines == [
        RELOADED,
        "trained on:     cuda",
        "true line:      y = 1.002 * X - 0.2925",
        "learned line:   y = 0.31 * X + 0.92",
        TEST_MAE,
        "validation_mae: 23321.7",
    ]
    assert summarize(None, test_mae=0.006)[1:] == [RELOADED, TEST_MAE]


def test_the_summary_compares_the_metrics_that_decide_with_the_last_commit(
    summarize: Summarize,
) -> None:
    rule = GATE.replace("  train_mae: {better", "  train_mae: {decides: true, better")
    Path("gate.yaml").write_text(rule)
    path = Path("plots/validation.csv")
    rows = [Repeat(i, 0.02, 0.02, 0.02, 1, 9) for i in range(20)]
    validation.save(path, rows)
    commit('{"train_mae": 0.9}')
    validation.save(path, [row._replace(mae=0.01) for row in rows])
    assert summarize(train_mae=0.8)[-2:] == [
        "since HEAD:     Better in 20 of 20 trainings; the median error went from 0.02 to 0.01",
        "train_mae now:  Better, by one training: 0.9 -> 0.8",
    ]


@pytest.mark.parametrize("committed", ["{}", "not JSON", None])
def test_without_git_or_without_metrics_in_the_last_commit_nothing_is_compared(
    summarize: Summarize, monkeypatch: pytest.MonkeyPatch, committed: str | None
) -> None:
    subprocess.run(("git", "init", "--quiet"), check=True)
    assert summarize(test_mae=0.006)[-1] == TEST_MAE
    Path("metrics.json").unlink()
    commit(committed)
    assert summarize(test_mae=0.006)[-1] == TEST_MAE
    monkeypatch.setenv("PATH", "")
    assert summarize(test_mae=0.006)[-1] == TEST_MAE


def test_the_summary_does_not_import_dvc_or_torch_because_both_are_slow() -> None:
    code = "import sys, plumbline.commands.summary; print({'dvc', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
