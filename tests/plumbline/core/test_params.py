"""params.yaml is read as DVC reads it, and an error names each wrong key."""

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml

from plumbline.core import files, params
from plumbline.core.params import VERSIONS
from stages import generate, split, train
from stages.losses import LOSSES
from tests.support.exercise import write_params


@pytest.mark.parametrize(
    ("changes", "stage", "message"),
    [
        ({"train.lr": 0}, train, "train.lr: wanted float > 0.0, got 0"),
        ({"train.lr": float("nan")}, train, "train.lr: wanted float > 0.0, got nan"),
        ({"train.lr": float("inf")}, train, f"train.lr: wanted float <= {params.MAX}, got inf"),
        ({"train.batch_size": -1}, train, "train.batch_size: wanted int >= 0, got -1"),
        ({"train.loss": "l3"}, train, f"train.loss: wanted one of {', '.join(LOSSES)}, got 'l3'"),
        ({"train.lrr": 1, "train.epochs": 0}, train,
         "train.epochs: wanted int >= 1, got 0; train.lrr: unknown"),
        ({"generate.noise": -1}, generate, "generate.noise: wanted float >= 0.0, got -1"),
        ("split: 3", split, "split: wanted keys and values, got 3"),
        ("split: {shuffle: no, seed: 1}", split,
         "split.shuffle: wanted bool, got 'no'; split.train_fraction: missing"),
        ("{}", split, "split: missing"),
        ("", split, "the file: wanted keys and values, got None"),
        ("a: [", split, "while parsing"),
        ("a: 1\na: 2", split, "wanted each key once"),
        ("a: &b 1\nc: *b", split, "wanted no alias and no tag"),
    ],
)  # fmt: skip
def test_an_error_names_each_wrong_key_and_the_wanted_value(
    folder: Path, changes: dict[str, Any] | str, stage: Any, message: str
) -> None:
    if isinstance(changes, dict):
        write_params(changes)
    else:
        Path("params.yaml").write_text(changes)
    with pytest.raises(ValueError, match=f"^{re.escape(f'params.yaml: {message}')}"):
        params.load_params(stage.Params)


@pytest.mark.parametrize(
    "number",
    ["1e-3", "1E5", "1.", ".5", "-.5e+3", "010", "0o17", "0x1F", "0b11", "1_000", "+1", "-0",
     ".inf", "-.INF", "yes", "off", "True", "null", "~", "1:30", "1e", "2026-1-1", "1.5.2", "'1'"],
)  # fmt: skip
def test_a_scalar_has_the_type_and_value_that_dvc_reads(number: str) -> None:
    ours = files.parse_yaml(f"key: {number}".encode(), params.PARAMS)["key"]
    theirs = parse_yaml(f"key: {number}", "params.yaml")["key"]
    assert (type(ours), ours) == (type(theirs), theirs)


def test_the_installed_versions_equal_those_in_the_packages_metadata() -> None:
    found = params.installed_versions()
    for package in metadata.distributions():
        name = package.metadata["Name"]
        assert found[params.normalized_name(name)] == metadata.version(name).partition("+")[0]


def test_different_versions_are_refused_and_only_the_librarys_local_part_is_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1/torch-2.13.0+cpu.dist-info", "1/plumbline-1.1+h1.dist-info"):
        Path(name).mkdir(parents=True)
    Path("2/torch-2.12.0-py3.11.egg-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", ["1", "2"])
    VERSIONS.write_text('torch: "2.13.0+cu128"\nplumbline: "1.1+h1"\nnot-here: "1+cpu"')
    params.check_versions()
    for text, message in (
        ('torch: "2.12.0"\nplumbline: "1.1+h2"',
         r"torch: wanted 2.12.0, got 2.13.0; plumbline: wanted 1.1\+h2, got 1.1\+h1; type: pip "),
        ("torch: 2.13", "wanted names and versions in quotes; Expected `str`, got `float`"),
    ):  # fmt: skip
        VERSIONS.write_text(text)
        with pytest.raises(ValueError, match=f"^versions.yaml: {message}"):
            params.check_versions()
