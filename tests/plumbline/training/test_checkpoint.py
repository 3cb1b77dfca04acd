"""A killed training resumes from its checkpoint and ends with the same bytes.

`test_invariance.py` kills other trainings, and `test_world.py` kills processes.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.core.errors import UserError
from plumbline.history import Epoch
from plumbline.training.checkpoint import Checkpoint
from tests.support.exercise import write_params
from tests.support.models import make_samples, train

KEPT = Path("model.checkpoint")
SETTINGS = {"train.epochs": 24, "train.batch_size": 32, "train.optimizer": "adam"}
SAVING = {**SETTINGS, "train.checkpoint_every": 5}


@pytest.fixture(autouse=True)
def data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes the samples, and takes loop.py for the file of the training loop."""
    make_samples(SAVING)
    Path("loop.py").write_text("# as it ran\n")
    monkeypatch.setattr(sys.modules["stages.loop"], "__file__", "loop.py")


class Killed(BaseException):
    """An exception that no handler catches, like a signal."""


def train_until_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains for 13 epochs and ends without an output."""
    save = Checkpoint.save_if_due

    def save_and_stop(self: Checkpoint, done: int, rows: list[Epoch]) -> None:
        save(self, done, rows)
        if done == 13:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save_if_due", save_and_stop)
        with pytest.raises(Killed):
            train()


def test_a_killed_training_resumes_from_its_last_checkpoint_and_gives_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(SETTINGS)
    whole = train()
    train_until_killed(monkeypatch)
    assert not KEPT.exists()  # since checkpoint_every is 0
    write_params(SAVING)
    train_until_killed(monkeypatch)
    assert train() == whole
    assert "model.checkpoint: resuming after 10 epochs\n" in capsys.readouterr().out
    assert not KEPT.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda: write_params({**SAVING, "train.lr": 0.02}),
        lambda: write_params({**SAVING, "train.epochs": 25}),
        lambda: make_samples({**SAVING, "generate.noise": 0.1}),
        lambda: Path("loop.py").write_text("# another loop\n"),
        lambda: KEPT.write_bytes(b""),
        lambda: KEPT.write_bytes(KEPT.read_bytes()[:-1]),
    ],
)
def test_a_checkpoint_that_is_damaged_or_of_another_training_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[], object],
) -> None:
    train_until_killed(monkeypatch)
    change()
    found = train()
    assert "another training; starting from the beginning" in capsys.readouterr().out
    assert found == train()


EDITS: dict[str, Callable[[], object]] = {
    "params.yaml": lambda: write_params({"train.lr": 0.02}),
    "loop.py": lambda: Path("loop.py").write_text("# edited\n"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_training_during_which_a_file_was_edited_is_kept_and_goes_on_from_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    whole, before = train(), Path(name).read_text()
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save_if_due", lambda _, done, __: done == 1 and EDITS[name]())
        with pytest.raises(UserError, match=f"^{name}: edited while .* its training is kept: "):
            train()
    assert f"{name}: edited; this run goes on with what it started with" in capsys.readouterr().out
    Path(name).write_text(before)
    assert train() == whole
    assert "resuming after 24 epochs" in capsys.readouterr().out
    assert not KEPT.exists()
