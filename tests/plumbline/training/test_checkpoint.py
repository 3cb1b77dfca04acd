"""A training goes on from its own checkpoint alone; `test_invariance.py` kills trainings."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.core.errors import UserError
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.world import ALONE
from tests.support.exercise import write_params
from tests.support.models import make_samples, train

KEPT, SCRIPT = Path("model.checkpoint"), Path("loop.py")
PARAMS = {"train.epochs": 24, "train.batch_size": 32, "train.optimizer": "adam"}
PARAMS["train.checkpoint_every"] = 5
AGAIN = "damaged or of a different training; starting from the beginning"


@pytest.fixture(autouse=True)
def data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes the samples, and takes loop.py for the file of the training loop."""
    make_samples(PARAMS)
    SCRIPT.write_text("# as it ran\n")
    monkeypatch.setattr(sys.modules["stages.loop"], "__file__", SCRIPT.name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: None, "model.checkpoint: resuming after 24 epochs\n"),
        (lambda: write_params({**PARAMS, "train.lr": 0.02}), AGAIN),
        (lambda: make_samples({**PARAMS, "generate.noise": 0.1}), AGAIN),
        (lambda: SCRIPT.write_text("# a different loop\n"), AGAIN),
        (lambda: KEPT.write_bytes(KEPT.read_bytes()[:-1]), AGAIN),
    ],
)
def test_an_edited_training_is_kept_and_resumes_unless_it_is_damaged_or_does_not_match(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[], object],
    said: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save_if_due", lambda *_: SCRIPT.write_text("# edited\n"))
        with pytest.raises(UserError, match="^loop.py: edited while .* the training is kept: "):
            train()
    assert "loop.py: edited; this run goes on with what it started" in capsys.readouterr().out
    SCRIPT.write_text("# as it ran\n")
    change()
    found = train()
    assert said in capsys.readouterr().out
    assert not KEPT.exists()
    assert found == train()


def test_a_training_is_saved_each_time_that_checkpoint_every_epochs_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = []
    monkeypatch.setattr(Checkpoint, "save", lambda _, done, __: saved.append(done))
    train()
    assert saved == [5, 10, 15, 20]


def test_a_checkpoint_of_data_that_was_replaced_while_the_stage_ran_is_an_error() -> None:
    checkpoint = Checkpoint(Path("model"), [], [Path("train")], 1)
    make_samples({**PARAMS, "generate.noise": 0.1})
    KEPT.write_bytes(Path("train").read_bytes())  # it is compared with that of the data
    with pytest.raises(UserError, match="^train: replaced while the stage ran"):
        checkpoint.resume(None, None, None, ALONE)
