"""Threads share the pieces of a batch; a layer whose result depends on the pieces is refused."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.inference import device as device_module
from plumbline.training.batches import Samples, check_model, load_share, mean_loss, predict_all
from plumbline.training.world import World
from tests.support.exercise import INFO
from tests.support.ranks import by_ranks


def test_a_process_whose_file_has_a_different_length_is_an_error(tmp_path: Path) -> None:
    def load(world: World) -> None:
        path, column = tmp_path / f"{world.rank}", np.zeros((5 + world.rank, 1), np.float32)
        tensors.save_samples(path, column, column, INFO)
        load_share(path, torch.device("cpu"), world)

    with pytest.raises(
        UserError, match=r"[/\\][01]: wanted the same number of rows in every process"
    ):
        by_ranks(load, [1, 1])


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.BatchNorm1d(1), "BatchNorm1d, whose result for a sample depends on the others"),
        (nn.AlphaDropout(), "AlphaDropout, which draws random numbers"),
        (nn.RReLU(), "RReLU, which draws random numbers"),
    ],
)
def test_a_layer_whose_result_depends_on_the_pieces_is_refused_by_name(
    layer: nn.Module, reason: str
) -> None:
    model = nn.Sequential(nn.LayerNorm(1), nn.Sequential(layer))
    with pytest.raises(UserError, match=f"layers that compute each sample by itself, got {reason}"):
        check_model(model, 1)


class FailsElsewhere(nn.Linear):
    """A layer that fails in every thread but the main one."""

    def forward(self, X: Tensor) -> Tensor:
        if threading.current_thread() is not threading.main_thread():
            raise ZeroDivisionError
        return super().forward(X)


def test_other_threads_compute_pieces_too_and_an_error_in_a_model_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_module, "PIECE", 8)
    samples, model = Samples(torch.rand(100, 1), torch.rand(100, 1), 0, 100), FailsElsewhere(1, 1)
    for compute, first in ((predict_all, model), (mean_loss, lambda X, _: model(X).mean())):
        with pytest.raises(ZeroDivisionError) as caught:
            compute(first, samples, World(threads=3))
        assert caught.traceback[-1].name == "forward"
