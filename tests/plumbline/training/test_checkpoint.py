"""A killed training run resumes from its checkpoint and ends with the same bytes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plumbline.core.errors import UserError
from plumbline.history import Row
from plumbline.training.checkpoint import Checkpoint
from stages import generate, split
from stages import train as train_stage
from tests.support.exercise import ROOT, run_stage, write_params

OUTS = tuple(map(Path, ("model", "predictions", "history")))
KEPT = Path("model.checkpoint")


def train() -> list[bytes]:
    """Runs the train stage and returns the bytes of its outputs."""
    run_stage(train_stage, "train", "test", *OUTS)
    return [path.read_bytes() for path in OUTS]


@pytest.fixture
def data(folder: Path) -> None:
    """Writes the exercise's training and testing data."""
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")


class Killed(BaseException):
    """An exception that no handler catches, like a signal."""


def train_until_killed(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Trains up to the given epoch and ends without an output."""
    save = Checkpoint.save_if_due

    def save_and_stop(self: Checkpoint, done: int, rows: list[Row]) -> None:
        save(self, done, rows)
        if done == epoch:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save_if_due", save_and_stop)
        with pytest.raises(Killed):
            train()


CASES = [
    {},
    {"train.optimizer": "adam"},
    {"train.batch_size": 16},
    {"train.optimizer": "adam", "train.batch_size": 7, "train.model": "parameters"},
]


@pytest.mark.slow
@pytest.mark.parametrize("changes", CASES)
def test_resumed_training_gives_the_same_bytes_as_uninterrupted_training(
    data: None, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    write_params({"train.epochs": 60, **changes})
    whole = train()
    write_params({"train.epochs": 60, **changes, "train.checkpoint_every": 5})
    train_until_killed(monkeypatch, 27)
    assert KEPT.exists()
    assert train() == whole
    assert not KEPT.exists()


def test_training_resumes_from_the_last_checkpoint_and_says_so(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"train.epochs": 60, "train.checkpoint_every": 5})
    train_until_killed(monkeypatch, 27)
    train()
    assert "model.checkpoint: resuming after 25 epochs\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [{"train.lr": 0.02}, {"train.epochs": 80}, {"train.seed": 1}, {"train.batch_size": 8}],
)
def test_a_checkpoint_with_other_parameters_is_ignored(
    data: None, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    write_params({"train.epochs": 60, **changes})
    whole = train()
    write_params({"train.epochs": 60, "train.checkpoint_every": 5})
    train_until_killed(monkeypatch, 27)
    write_params({"train.epochs": 60, **changes, "train.checkpoint_every": 5})
    assert train() == whole


def test_a_checkpoint_from_other_data_is_ignored(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"train.epochs": 60, "train.checkpoint_every": 5, "generate.noise": 0.1})
    train_until_killed(monkeypatch, 27)
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")
    train()
    assert "another training; starting from the beginning" in capsys.readouterr().out


def test_a_checkpoint_from_other_code_is_ignored(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"train.epochs": 60, "train.checkpoint_every": 5})
    train_until_killed(monkeypatch, 27)
    Path("loop.py").write_text("# another loop\n")
    monkeypatch.setattr(sys.modules["stages.loop"], "__file__", str(Path("loop.py")))
    train()
    assert "another training; starting from the beginning" in capsys.readouterr().out


@pytest.mark.parametrize("length", [0, 3, 60, -1])
def test_a_truncated_checkpoint_is_ignored(
    data: None, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    write_params({"train.epochs": 60})
    whole = train()
    write_params({"train.epochs": 60, "train.checkpoint_every": 5})
    train_until_killed(monkeypatch, 27)
    KEPT.write_bytes(KEPT.read_bytes()[:length])
    assert train() == whole


def test_checkpoint_every_0_writes_no_checkpoint(
    data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_until_killed(monkeypatch, 27)
    assert not KEPT.exists()


EDITS: dict[str, Callable[[], object]] = {
    "params.yaml": lambda: write_params({"train.lr": 0.02}),
    "loop.py": lambda: Path("loop.py").write_text("# edited\n"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_training_during_which_a_file_was_edited_is_kept_and_goes_on_from_its_end(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path("loop.py").write_text("# as it ran\n")
    monkeypatch.setattr(sys.modules["stages.loop"], "__file__", "loop.py")
    whole, before = train(), Path(name).read_text()
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save_if_due", lambda _, done, __: done == 1 and EDITS[name]())
        with pytest.raises(UserError, match=f"^{name}: edited while .* its training is kept: "):
            train()
    assert f"{name}: edited; this run goes on with what it started with" in capsys.readouterr().out
    Path(name).write_text(before)
    assert train() == whole
    assert "resuming after 300 epochs" in capsys.readouterr().out
    assert not KEPT.exists()


@pytest.mark.all
def test_a_killed_process_resumes(data: None) -> None:
    write_params({"train.epochs": 3000})
    whole = train()
    write_params({"train.epochs": 3000, "train.checkpoint_every": 100})
    for path in OUTS:
        path.unlink()
    command = [sys.executable, "-m", "stages.train", *map(str, ("train", "test", *OUTS))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not KEPT.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    process.kill()
    assert process.wait() != 0
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "checkpoint: resuming after " in done.stdout
    assert [path.read_bytes() for path in OUTS] == whole
