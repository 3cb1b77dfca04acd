"""params.yaml is read as DVC reads it, and an error names each wrong key."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml

from plumbline.core import files, params
from stages import evaluate, generate, plot, split, train, verify
from stages.loop import OPTIMIZERS
from stages.losses import LOSSES
from stages.model import MODELS
from tests.support.exercise import write_params


@pytest.mark.parametrize(
    ("changes", "stage", "message"),
    [
        ({"train.lrr": 1}, train, "train.lrr: unknown"),
        ({"train.lr": "fast"}, train, "train.lr: wanted float, got 'fast'"),
        ({"train.lr": 0}, train, "train.lr: wanted float > 0.0, got 0"),
        ({"train.lr": True}, train, "train.lr: wanted float, got True"),
        ({"train.lr": None}, train, "train.lr: wanted float, got None"),
        ({"train.lr": float("nan")}, train, "train.lr: wanted float > 0.0, got nan"),
        ({"train.lr": float("inf")}, train, "train.lr: wanted float <= 3.4028234e+38, got inf"),
        ({"train.epochs": 1.5}, train, "train.epochs: wanted int, got 1.5"),
        ({"train.epochs": 0}, train, "train.epochs: wanted int >= 1, got 0"),
        ({"train.eval_every": 0}, train, "train.eval_every: wanted int >= 1, got 0"),
        ({"train.batch_size": 0}, train, "train.batch_size: wanted int >= 1, got 0"),
        ({"train.seed": -1}, train, "train.seed: wanted int >= 0, got -1"),
        ({"train.loss": "l3"}, train, f"train.loss: wanted one of {', '.join(LOSSES)}, got 'l3'"),
        ({"train.model": 1}, train, f"train.model: wanted one of {', '.join(MODELS)}, got 1"),
        ({"train.optimizer": "s"}, train,
         f"train.optimizer: wanted one of {', '.join(OPTIMIZERS)}, got 's'"),
        ({"train": 3}, train, "train: wanted keys and values, got 3"),
        ({"device": 3}, train, "device: wanted str, got 3"),
        ({"device": 3}, verify, "device: wanted str, got 3"),
        ({"generate.step": 0}, generate, "generate.step: wanted float > 0.0, got 0"),
        ({"generate.noise": -1}, generate, "generate.noise: wanted float >= 0.0, got -1"),
        ({"generate.weight": "x"}, generate, "generate.weight: wanted float, got 'x'"),
        ({"split.train_fraction": 1}, split, "split.train_fraction: wanted float < 1.0, got 1"),
        ({"split.shuffle": 1}, split, "split.shuffle: wanted bool, got 1"),
        ({"plot.dpi": 0}, plot, "plot.dpi: wanted int >= 30, got 0"),
        ({"train.lrr": 1, "train.epochs": 0}, train,
         "train.epochs: wanted int >= 1, got 0; train.lrr: unknown"),
    ],
)  # fmt: skip
def test_an_error_names_the_key_and_the_wanted_value(
    folder: Path, changes: dict[str, Any], stage: Any, message: str
) -> None:
    write_params(changes)
    with pytest.raises(ValueError, match="^params.yaml: ") as caught:
        params.load(stage.Params)
    assert str(caught.value) == f"params.yaml: {message}"


@pytest.mark.parametrize("stage", [generate, split, train, plot, verify])
def test_missing_sections_are_named(folder: Path, stage: Any) -> None:
    Path("params.yaml").write_text("{}")
    with pytest.raises(ValueError, match=r"^params\.yaml: \w+: missing(; \w+: missing)*$"):
        params.load(stage.Params)


def test_a_missing_key_is_named_with_its_section(folder: Path) -> None:
    Path("params.yaml").write_text("split: {shuffle: false, seed: 1}")
    with pytest.raises(ValueError, match=r"^params\.yaml: split\.train_fraction: missing$"):
        params.load(split.Params)


@pytest.mark.parametrize("text", ["", "3", "[1]", "a: [", "a: 1\na: 2", "\x00", "a: " + "[" * 2000])
def test_a_malformed_params_yaml_is_refused(folder: Path, text: str) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^params\.yaml: "):
        params.load(split.Params)


@pytest.mark.parametrize(
    "number",
    ["1e-3", "1E5", "1.", ".5", "-.5e+3", "010", "0o17", "0x1F", "0b11", "1_000", "+1", "-0",
     ".inf", "-.INF", "yes", "off", "True", "null", "~", "1:30", "1e", "2026-1-1", "1.5.2", "'1'"],
)  # fmt: skip
def test_a_scalar_has_the_type_and_value_that_dvc_reads(number: str) -> None:
    ours = files.parse_yaml(f"key: {number}".encode(), params.PARAMS)["key"]
    theirs = parse_yaml(f"key: {number}", "params.yaml")["key"]
    assert (type(ours), ours) == (type(theirs), theirs)


@pytest.mark.parametrize("stage", [generate, split, train, evaluate, plot, verify])
def test_every_stage_can_read_the_parameters_of_the_exercise(folder: Path, stage: Any) -> None:
    assert isinstance(params.load(stage.Params), stage.Params)
