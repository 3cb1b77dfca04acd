"""A model that rules out the same bits is refused by name; `test_invariance.py` tests the bits."""

import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import SamplesInfo
from plumbline.inference import device as device_module
from plumbline.inference.device import PIECE
from plumbline.training.batches import Samples, check_layers, full_batch, load_share
from plumbline.training.world import ALONE, World
from stages.loop import Train, fit
from tests.support.exercise import EXERCISE, INFO
from tests.support.ranks import in_ranks

SAMPLES = Samples(torch.rand(100, 1), torch.rand(100, 1), 0, 100)


def train(model: nn.Module, threads: int = 1) -> None:
    params = Train(**{**EXERCISE["train"], "epochs": 3})
    fit(model, SAMPLES, SAMPLES, params, World(threads=threads))


@pytest.mark.parametrize("target", ["y", "a name of 16 B"])
def test_pieces_start_at_16_bytes_wherever_they_are_in_their_file(
    tmp_path: Path, target: str
) -> None:
    """A matrix product may have other last bits elsewhere."""
    column = np.zeros((PIECE + 2, 1), np.float32)
    tensors.save_samples(tmp_path / "samples", column, column, SamplesInfo(["X"], target, None))
    samples, _ = load_share(tmp_path / "samples", torch.device("cpu"), ALONE)
    for X, y in full_batch(samples, ALONE).own:
        assert X.data_ptr() % 16 == y.data_ptr() % 16 == 0


def test_a_process_whose_file_has_another_length_is_an_error(tmp_path: Path) -> None:
    def load(world: World) -> None:
        path, column = tmp_path / f"{world.rank}", SAMPLES.X[: 5 + world.rank].numpy()
        tensors.save_samples(path, column, column, INFO)
        load_share(path, torch.device("cpu"), world)

    with pytest.raises(UserError, match="/[01]: wanted the same number of rows in every process"):
        in_ranks(load, [1, 1])


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: nn.BatchNorm1d(1), "BatchNorm1d, whose result for a sample depends on the others"),
        (lambda: nn.SyncBatchNorm(1), "SyncBatchNorm, whose result for a sample depends"),
        (nn.Dropout, "Dropout, which draws random numbers"),
        (nn.AlphaDropout, "AlphaDropout, which draws random numbers"),
        (nn.RReLU, "RReLU, which draws random numbers"),
    ],
)
def test_a_layer_whose_result_depends_on_the_pieces_is_refused_by_name(
    layer: Callable[[], nn.Module], reason: str
) -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(layer()))
    with pytest.raises(
        UserError, match=f"wanted layers that compute each sample by itself.*{reason}"
    ):
        train(model)


def test_other_layers_are_accepted() -> None:
    check_layers(nn.Sequential(nn.Linear(1, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 1)), 1)


class Watched(nn.Linear):
    """Remembers the threads that it ran in; fails in the one that has the last sample."""

    fails = False

    def forward(self, X: Tensor) -> Tensor:
        THREADS.add(threading.get_ident())
        if self.fails and torch.equal(X[-1], SAMPLES.X[-1]):
            raise ZeroDivisionError("my own mistake")
        return super().forward(X)


THREADS: set[int] = set()


def test_each_thread_computes_pieces_and_keeps_the_traceback_of_a_models_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Watched(1, 1)
    train(model, threads=3)
    assert {threading.get_ident()} == THREADS  # A single piece needs no other.
    monkeypatch.setattr(device_module, "PIECE", 8)
    train(model, threads=3)
    assert len(THREADS) > 1
    model.fails = True
    with pytest.raises(ZeroDivisionError, match="my own mistake") as caught:
        train(model, threads=3)
    assert "in forward" in "".join(traceback.format_exception(caught.value))
