"""A training resumes only from its own checkpoint; `test_invariance.py` kills trainings."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from plumbline.core.errors import UserError
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.world import ALONE
from tests.support.exercise import write_params
from tests.support.models import make_samples, train

KEPT, SCRIPT = Path("model.checkpoint"), Path("loop.py")
PARAMS = {"train.epochs": 24, "train.batch_size": 32, "train.optimizer": "adam"}
PARAMS["train.checkpoint_every"] = 5
AGAIN = "damaged or from a different training; starting from the beginning"


@pytest.fixture(autouse=True)
def data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes the samples, and makes loop.py count as the script of the training loop."""
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
def test_an_edit_during_training_keeps_the_checkpoint_and_only_an_intact_matching_one_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[], object],
    said: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save_if_due", lambda *_: SCRIPT.write_text("# edited\n"))
        with pytest.raises(UserError, match="^loop.py: edited while .* the finished training, "):
            train()
    assert "loop.py: edited; this run continues with the old version" in capsys.readouterr().out
    SCRIPT.write_text("# as it ran\n")
    change()
    found = train()
    assert said in capsys.readouterr().out
    assert not KEPT.exists()
    assert found == train()


def test_checkpoint_every_is_the_number_of_epochs_between_two_checkpoints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = []
    monkeypatch.setattr(Checkpoint, "save", lambda _, done, __: saved.append(done))
    train()
    assert saved == [5, 10, 15, 20]


def test_tied_weights_are_saved_too() -> None:
    model, checkpoint = nn.Linear(1, 1), Checkpoint(Path("model"), [], [Path("train")], 1)
    model.tied = model.weight
    optimizer, order = torch.optim.SGD(model.parameters(), lr=1), torch.Generator()
    checkpoint.resume(model, optimizer, order, ALONE)
    checkpoint.save(1, [])
    assert checkpoint.resume(model, optimizer, order, ALONE) == (1, [])


def test_resuming_is_an_error_if_the_data_were_replaced_while_the_stage_ran() -> None:
    checkpoint = Checkpoint(Path("model"), [], [Path("train")], 1)
    make_samples({**PARAMS, "generate.noise": 0.1})
    KEPT.write_bytes(Path("train").read_bytes())  # any safetensors file
    with pytest.raises(UserError, match="^train: replaced while the stage ran"):
        checkpoint.resume(None, None, None, ALONE)
