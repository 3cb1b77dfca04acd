"""The last lines of `make repro`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plumbline.commands import summary
from plumbline.core.errors import UserError
from plumbline.core.files import write_json
from plumbline.core.tensors import Line, SamplesInfo, save_samples
from tests.support.exercise import GATE, ROOT, pipeline


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


REST = [
    "pictures:     plots/data.png plots/predictions.png plots/loss.png plots/landscape.png",
    "reloaded:     matches, largest difference 0",
]


def summarize(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    summary.main(summary.Namespace())
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
    write((1.002, -0.2925), weight=0.31, bias=0.92, test_mae=0.005, more=1)
    assert summarize(capsys) == [
        *REST,
        "true line:    y = 1.002 * X - 0.2925",
        "learned line: y = 0.31 * X + 0.92",
        "test_mae:     0.005",
    ]


def test_the_summary_shows_no_line_if_there_is_none(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.005)
    assert summarize(capsys) == [*REST, "test_mae:     0.005"]


def test_the_summary_tells_the_device_that_trained(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.005, device="cuda")
    assert summarize(capsys) == [*REST, "trained on:   cuda", "test_mae:     0.005"]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (0.00564067, "0.00564067, 0.00083 lower than HEAD"),
        (0.00647102, "0.00647102, as in HEAD"),
        (1.5, "1.5, 1.49 higher than HEAD"),
    ],
)
def test_the_last_line_compares_with_the_last_commit(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str], new: float, said: str
) -> None:
    write(None, test_mae=0.00647102)
    commit("metrics.json")
    write(None, test_mae=new)
    assert summarize(capsys)[-1] == f"test_mae:     {said}"


def test_metrics_of_other_samples_are_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.006)
    commit("metrics.json")
    write_lock("other")
    assert summarize(capsys)[-1] == "test_mae:     0.006, not compared with HEAD: other data"


@pytest.mark.parametrize("committed", ["{}", "not JSON", "[1]", '{"test_mae": null}', None])
def test_a_commit_without_the_metric_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str], committed: str | None
) -> None:
    write(None, test_mae=0.006)
    if committed is None:
        commit()
    else:
        Path("metrics.json").write_text(committed)
        commit("metrics.json")
    write(None, test_mae=0.006)
    assert summarize(capsys)[-1] == "test_mae:     0.006"


def test_a_repository_without_a_commit_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_mae=0.006)
    subprocess.run(("git", "init", "--quiet"), check=True)
    assert summarize(capsys)[-1] == "test_mae:     0.006"


def test_a_machine_without_git_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(None, test_mae=0.006)
    commit("metrics.json")
    monkeypatch.setenv("PATH", "")
    assert summarize(capsys)[-1] == "test_mae:     0.006"


def test_each_metric_that_decides_has_a_line_even_if_it_is_gone(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(None, test_r2=0.9)
    gate = GATE.replace("{better: higher,", "{decides: true, better: higher,")
    Path("gate.yaml").write_text(gate)
    assert summarize(capsys)[-2:] == ["test_mae:     none in metrics.json", "test_r2:      0.9"]


def test_a_missing_number_is_named_with_its_file(write: Callable[..., None]) -> None:
    write(None, test_mae=0.006)
    write_json(Path("models/verify.json"), {"matches": True})
    with pytest.raises(UserError, match="^models/verify.json: wanted max_abs_difference, got "):
        summary.main(summary.Namespace())


def test_it_imports_no_dvc_and_no_torch_which_would_take_longer_than_the_rest() -> None:
    code = "import sys, plumbline.commands.summary; print({'dvc', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
