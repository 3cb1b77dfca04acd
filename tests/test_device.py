"""The device that is present, or a line that says which are."""

import pytest
import torch

from stages.device import pick

accelerator = torch.accelerator.current_accelerator(check_available=True)


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


@pytest.mark.skipif(accelerator is None, reason="there is no accelerator on this machine")
def test_the_accelerator_can_be_named_with_its_index() -> None:
    assert accelerator is not None
    assert pick(f"{accelerator.type}:0") == torch.device(accelerator.type, 0)
