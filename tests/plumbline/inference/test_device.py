"""`use_device` returns the named device; `use_threads` gives each operation of torch one thread."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from plumbline.core.errors import UserError
from plumbline.inference import device as device_module
from plumbline.inference.device import predict, use_device, use_threads
from plumbline.training.batches import Samples
from stages.loop import Train, fit
from stages.model import MODELS, Linear
from tests.support.exercise import EXERCISE
from tests.support.models import make_model_with_info

accelerator = torch.accelerator.current_accelerator(check_available=True)


def test_auto_prefers_the_accelerator_and_any_other_name_selects_that_device() -> None:
    assert use_device("auto") == (accelerator or torch.device("cpu"))
    assert use_device("cpu") == torch.device("cpu")
    if accelerator:
        assert use_device(f"{accelerator.type}:0") == torch.device(accelerator.type, 0)


@pytest.mark.parametrize("name", ["cuda:99", "CPU", "meta"])
def test_the_error_for_an_absent_device_lists_the_available_devices(name: str) -> None:
    with pytest.raises(UserError, match=rf"^params\.yaml: device: .* auto, cpu.*, got '{name}'$"):
        use_device(name)


def test_use_threads_sets_torch_to_one_thread_and_returns_the_old_number() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    assert (use_threads(), torch.get_num_threads()) == (3, 1)
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("features", [1, 10])
def test_the_bits_of_a_prediction_do_not_depend_on_the_other_rows(
    monkeypatch: pytest.MonkeyPatch, name: str, features: int
) -> None:
    torch.manual_seed(features)
    model, _ = make_model_with_info(name, features)
    X, others = torch.randn(89, features), torch.randn(1000, features)
    expected, order = predict(model, X), torch.randperm(89)
    assert not model.training
    assert torch.equal(predict(model, X[order]), expected[order])
    assert torch.equal(torch.cat([predict(model, row[None]) for row in X]), expected)
    monkeypatch.setattr(device_module, "PIECE", 100)
    assert torch.equal(predict(model, torch.cat([others, X]), threads=3)[1000:], expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("batch_size", [0, 10])
def test_an_epoch_without_evaluation_never_waits_for_the_device(batch_size: int) -> None:
    changes = {"batch_size": batch_size, "eval_every": 1000, "last": 1, "epochs": 21}
    params = Train(**{**EXERCISE["train"], **changes})
    X = torch.rand(100, 1, device="cuda")
    samples = Samples(X, 0.3 * X + 0.9, 0, 100)

    def refuse_waits(done: int, _: object) -> None:
        torch.cuda.set_sync_debug_mode("default" if done == 20 else "error")

    # `fit` calls save_if_due after each epoch.
    watch: Any = SimpleNamespace(resume=lambda *_: (0, []), save_if_due=refuse_waits)
    try:
        assert len(fit(Linear(1).cuda(), samples, samples, params, checkpoint=watch)) == 2
    finally:
        torch.cuda.set_sync_debug_mode("default")
