"""A layer for which the result would depend on the pieces is refused; a model's error is shown."""

import threading
import traceback
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.inference import predict as predict_module
from plumbline.training.batches import Samples
from plumbline.training.pieces import check_layers
from plumbline.training.world import World
from stages.loop import Train, fit
from tests.support.exercise import EXERCISE

X = torch.rand(100, 1)
SAMPLES = Samples(X, X, 0, 100)


def train(model: nn.Module, threads: int = 1) -> None:
    params = Train(**{**EXERCISE["train"], "epochs": 3})
    list(fit(model, SAMPLES, SAMPLES, params, range(params.epochs), World(threads=threads)))


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
    check_layers(nn.Sequential(nn.Linear(1, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 1)))


class Watched(nn.Linear):
    """Remembers the threads that it ran in; fails in the one that has the last sample."""

    def __init__(self, fails: bool) -> None:
        super().__init__(1, 1)
        self.fails, self.threads = fails, set[int]()

    def forward(self, X: Tensor) -> Tensor:
        self.threads.add(threading.get_ident())
        if self.fails and torch.equal(X[-1], SAMPLES.X[-1]):
            raise ZeroDivisionError("my own mistake")
        return super().forward(X)


def test_each_thread_computes_pieces_but_a_single_piece_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Watched(fails=False)
    train(model, threads=3)
    assert model.threads == {threading.get_ident()}
    monkeypatch.setattr(predict_module, "PIECE", 8)
    train(model, threads=3)
    assert len(model.threads) > 1


def test_a_models_error_in_a_thread_is_raised_with_its_own_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predict_module, "PIECE", 8)
    with pytest.raises(ZeroDivisionError, match="my own mistake") as caught:
        train(Watched(fails=True), threads=3)
    assert "in forward" in "".join(traceback.format_exception(caught.value))
