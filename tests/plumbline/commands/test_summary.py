"""The last lines of `make repro`."""

import json
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


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Writes what the summary reads: metrics, the verdict, and samples with or without a line."""

    def write(line: Line | None, **metrics: float | str) -> None:
        (folder / "dvc.yaml").write_text(pipeline())
        (folder / "gate.yaml").write_text(GATE)
        verdict = {"matches": True, "max_abs_difference": 0.0}
        write_json(Path("models/verify.json"), verdict)
        write_json(Path("metrics.json"), metrics)
        X, info = np.ones((1, 1), np.float32), SamplesInfo(features=["X"], target="y", line=line)
        save_samples(Path("data/train.safetensors"), X, X, info)

    return write


PICTURES = [path for stage in STAGES.values() for path in stage.outs if path.endswith(".png")]
REST = [
    f"pictures:       {' '.join(PICTURES)}",
    "reloaded:       matches, largest difference 0",
]
TEST_MAE = "test_mae:       0.006"


def summarize(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    summary.main(Namespace())
    return capsys.readouterr().out.splitlines()


def commit(*paths: str, samples: str = "same") -> None:
    """Commits these files, and a dvc.lock in which the samples have this hash."""
    write_lock(samples)
    person = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    for command in (
        ("init", "--quiet"),
        ("add", "dvc.lock", *paths),
        (*person, "commit", "--quiet", "--message=results"),
    ):
        subprocess.run(("git", *command), check=True)


def write_lock(samples: str) -> None:
    out = {"path": "data/samples.safetensors", "md5": samples}
    Path("dvc.lock").write_text(json.dumps({"stages": {"generate": {"outs": [out]}}}))


def test_the_summary_shows_the_learned_line_below_the_true_line(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write((1.002, -0.2925), weight=0.31, bias=0.92, test_mae=0.006, validation_mae=0.02, more=1)
    assert summarize(capsys) == [
        *REST,
        "true line:      y = 1.002 * X - 0.2925",
        "learned line:   y = 0.31 * X + 0.92",
        TEST_MAE,
        "validation_mae: 0.02",
    ]


def test_the_summary_shows_no_line_if_there_is_none(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.006)
    assert summarize(capsys) == [*REST, TEST_MAE]


def test_the_pictures_of_a_stage_of_ones_own_are_listed(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None)
    own = "\n  own: {cmd: x, plots: [plots/own.png, plots/own.csv]}\n\n  train:\n"
    Path("dvc.yaml").write_text(pipeline().replace("\n  train:\n", own))
    pictures = summarize(capsys)[0].split()[1:]
    assert {*pictures} == {"plots/own.png", *PICTURES}


def test_the_summary_tells_the_device_that_trained(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.005, device="cuda")
    assert summarize(capsys) == [*REST, "trained on:     cuda", "test_mae:       0.005"]


@pytest.mark.parametrize(
    ("factor", "baseline", "said"),
    [
        (0.5, 1, "Better in 20 of 20 trainings; the median error went from 0.02 to 0.01"),
        (1.5, 1, "Worse in 20 of 20 trainings; the median error went from 0.02 to 0.03"),
        (1, 1, "No clear difference: the same in 20 of 20 trainings"),
        (0.5, 2, "Not compared: different samples, or a different split"),
    ],
)
def test_the_last_line_compares_the_repeated_trainings_with_those_of_the_last_commit(
    write: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    factor: float,
    baseline: float,
    said: str,
) -> None:
    write(None, validation_mae=0.02)
    path = Path("plots/validation.csv")
    rows = [Repeat(i, 0.02, 0.02, 0.02, 1, 9) for i in range(20)]
    validation.save(path, rows)
    commit("metrics.json", "dvc.yaml", str(path))
    validation.save(path, [r._replace(mae=factor * 0.02, baseline_mae=baseline) for r in rows])
    assert summarize(capsys)[-1] == f"since HEAD:     {said}"


def test_a_commit_without_a_validation_is_not_judged(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.006)
    commit("metrics.json", "dvc.yaml")
    assert summarize(capsys)[-1] == "since HEAD:     Not judged: one training only"


@pytest.mark.parametrize("committed", ["{}", "not JSON", "[1]", '{"test_mae": null}', None])
def test_a_commit_without_metrics_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str], committed: str | None
) -> None:
    write(None, test_mae=0.006)
    if committed is None:
        commit()
    else:
        Path("metrics.json").write_text(committed)
        commit("metrics.json")
    write(None, test_mae=0.006)
    assert summarize(capsys)[-1] == TEST_MAE


def test_a_repository_without_a_commit_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.006)
    subprocess.run(("git", "init", "--quiet"), check=True)
    assert summarize(capsys)[-1] == TEST_MAE


def test_a_machine_without_git_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(None, test_mae=0.006)
    commit("metrics.json")
    monkeypatch.setenv("PATH", "")
    assert summarize(capsys)[-1] == TEST_MAE


def test_a_metric_of_ones_own_is_compared_by_one_training(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, train_mae=0.9)
    rule = GATE.replace("  train_mae: {better", "  train_mae: {decides: true, better")
    Path("gate.yaml").write_text(rule)
    commit("metrics.json")
    write_json(Path("metrics.json"), {"train_mae": 0.8})
    assert summarize(capsys)[-1] == "train_mae now:  Better, by one training: 0.9 -> 0.8"


def test_it_imports_no_dvc_and_no_torch_which_would_take_longer_than_the_rest() -> None:
    code = "import sys, plumbline.commands.summary; print({'dvc', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
