"""The device that is present, or a line that says which are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import stages.generate
import stages.split
import stages.train
import stages.verify
from plumbline.device import pick
from plumbline.model import Linear
from plumbline.training.batches import Samples
from plumbline.training.loop import Train, fit
from tests.exercise import EXERCISE, PUBLISHED, write_params

accelerator = torch.accelerator.current_accelerator(check_available=True)
needs_accelerator = pytest.mark.skipif(
    accelerator is None, reason="there is no accelerator on this machine"
)


def test_cpu_is_always_there() -> None:
    assert pick("cpu") == torch.device("cpu")


def test_auto_is_the_accelerator_where_there_is_one_and_else_the_cpu() -> None:
    assert pick("auto") == (accelerator or torch.device("cpu"))


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "", "CPU", "meta"])
def test_a_device_that_is_not_present_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"^params\.yaml: device: wanted one of auto, cpu"
    ) as caught:
        pick(name)
    assert str(caught.value).endswith(f", got {name!r}")


@needs_accelerator
def test_the_accelerator_can_be_named_with_its_index() -> None:
    assert accelerator is not None
    assert pick(f"{accelerator.type}:0") == torch.device(accelerator.type, 0)


@needs_accelerator
@pytest.mark.parametrize("changes", [{}, {"train.checkpoint_every": 20}])
def test_the_accelerator_prints_what_the_cpu_prints_and_verifies(
    folder: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any]
) -> None:
    line, train, test, *outputs = map(Path, ("line", "train", "test", "model", "history", "y"))
    stages.generate.main(line)
    stages.split.main(line, train, test)
    said = []
    for device in ("cpu", "auto"):
        write_params({**changes, "device": device})
        capsys.readouterr()
        stages.train.main(train, test, *outputs)
        said.append(capsys.readouterr().out)
        stages.verify.main(outputs[0], train, test, outputs[2], Path("verdict"))
    assert said[0] == said[1]
    assert changes or said[1].startswith(PUBLISHED)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA on this machine")
@pytest.mark.parametrize("batch_size", [None, 10])
def test_no_epoch_that_is_not_evaluated_waits_for_the_device(batch_size: int | None) -> None:
    params = Train(**{**EXERCISE["train"], "batch_size": batch_size, "eval_every": 1000})
    X = torch.rand(100, 1, device="cuda")
    samples = Samples(X, 0.3 * X + 0.9, 0, 100)

    def epochs() -> Iterator[int]:
        yield 0
        torch.cuda.set_sync_debug_mode("error")
        yield from range(1, 20)
        torch.cuda.set_sync_debug_mode("default")

    try:
        assert len(list(fit(Linear().cuda(), samples, samples, params, epochs()))) == 1
    finally:
        torch.cuda.set_sync_debug_mode("default")
