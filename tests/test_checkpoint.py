"""A killed training goes on to the bytes that it would have come to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import stages.generate
import stages.split
import stages.train
from plumbline.training.checkpoint import beside
from tests.clone import ROOT
from tests.exercise import write_params

LINE, TRAIN, TEST, *OUTS = map(Path, ("line", "train", "test", "model", "history", "predictions"))
KEPT = beside(OUTS[0])


def train() -> list[bytes]:
    """The bytes of what training writes."""
    stages.train.main(TRAIN, TEST, *OUTS)
    return [path.read_bytes() for path in OUTS]


@pytest.fixture
def data(folder: Path) -> None:
    """Writes the exercise's training and testing data."""
    stages.generate.main(LINE)
    stages.split.main(LINE, TRAIN, TEST)


class Killed(BaseException):
    """What no handler expects, as a signal is."""


def train_until_killed(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Trains up to the given epoch and ends without a result."""

    def epochs(*args: Any, **kwargs: Any) -> Any:
        yield from range(epoch)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(stages.train.tqdm, "__new__", epochs)
        with pytest.raises(Killed):
            train()


CASES = [
    {},
    {"train.optimizer": "adam"},
    {"train.batch_size": 16},
    {"train.optimizer": "adam", "train.batch_size": 7, "train.model": "parameters"},
]


@pytest.mark.parametrize("changes", CASES)
def test_it_ends_with_the_same_bytes_as_one_that_was_never_killed(
    data: None, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    write_params(changes)
    whole = train()
    write_params({**changes, "train.checkpoint_every": 25})
    train_until_killed(monkeypatch, 130)
    assert KEPT.exists()
    assert train() == whole
    assert not KEPT.exists()


def test_it_goes_on_after_the_last_checkpoint_and_says_so(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"train.checkpoint_every": 25})
    train_until_killed(monkeypatch, 130)
    train()
    assert "model.checkpoint: goes on after 125 epochs\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [{"train.lr": 0.02}, {"train.epochs": 400}, {"train.seed": 1}, {"train.batch_size": 8}],
)
def test_a_checkpoint_of_other_parameters_is_not_taken(
    data: None, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    write_params(changes)
    whole = train()
    write_params({"train.checkpoint_every": 25})
    train_until_killed(monkeypatch, 130)
    write_params({**changes, "train.checkpoint_every": 25})
    assert train() == whole


def test_a_checkpoint_of_other_data_is_not_taken(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"train.checkpoint_every": 25, "generate.noise": 0.1})
    train_until_killed(monkeypatch, 130)
    stages.generate.main(LINE)
    stages.split.main(LINE, TRAIN, TEST)
    train()
    assert "another training, so this one starts anew" in capsys.readouterr().out


def test_a_checkpoint_of_other_code_is_not_taken(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"train.checkpoint_every": 25})
    train_until_killed(monkeypatch, 130)
    Path("loss.py").write_text("# another loss\n")
    monkeypatch.setattr(sys.modules["plumbline.training.loss"], "__file__", str(Path("loss.py")))
    train()
    assert "another training, so this one starts anew" in capsys.readouterr().out


@pytest.mark.parametrize("place", [3, 60, 700, -3])
def test_a_damaged_checkpoint_is_not_taken(
    data: None, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    whole = train()
    write_params({"train.checkpoint_every": 25})
    train_until_killed(monkeypatch, 130)
    content = bytearray(KEPT.read_bytes())
    content[place] ^= 1
    KEPT.write_bytes(content)
    assert train() == whole


def test_with_0_nothing_is_written_and_nothing_is_taken(
    data: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train_until_killed(monkeypatch, 130)
    assert not KEPT.exists()
    KEPT.write_bytes(b"anything")
    train()
    assert "checkpoint" not in capsys.readouterr().out


@pytest.mark.pipeline
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_goes_on(data: None) -> None:
    write_params({"train.epochs": 3000})
    whole = train()
    write_params({"train.epochs": 3000, "train.checkpoint_every": 100})
    for path in OUTS:
        path.unlink()
    command = [sys.executable, "-m", "stages.train", *map(str, (TRAIN, TEST, *OUTS))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not KEPT.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "checkpoint: goes on after " in done.stdout
    assert [path.read_bytes() for path in OUTS] == whole
