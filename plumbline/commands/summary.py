"""Print the results of the pipeline, and whether they are better than those of the last commit.

Usage: python -m plumbline summary
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from plumbline.core.errors import UserError
from plumbline.core.files import read
from plumbline.core.tensors import SamplesInfo, load_info
from plumbline.lint import declared
from plumbline.review.gate import (
    DEVICE,
    REPEATED,
    Change,
    Measured,
    decisions,
    load_rows,
    load_rules,
)
from plumbline.review.git import Checkout, find_commit
from plumbline.review.lock import same_data


def load_numbers(path: str, *wanted: str) -> dict[str, float]:
    """The numbers in a JSON file, by name; UserError if a wanted one is missing."""
    numbers = decode_numbers(path, read(Path(path), 100_000))
    if not numbers.keys() >= {*wanted}:
        raise UserError(f"{path}: wanted {', '.join(wanted)}, got {sorted(numbers)}")
    return numbers


def decode_numbers(path: str, content: bytes) -> dict[str, float]:
    """The numbers in a JSON file with this content, by name; UserError for any other content."""
    values = decode_values(path, content).items()
    return {name: value for name, value in values if not isinstance(value, str)}


def decode_values(path: str, content: bytes) -> dict[str, float | bool | str]:
    """The numbers and the texts, such as the device, in a JSON file with this content."""
    try:
        return msgspec.json.decode(content, type=dict[str, float | bool | str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: {error}") from None


def equation(info: SamplesInfo, weight: float, bias: float) -> str:
    """The equation of a line, as in `y = 1.002 * X - 0.2925`."""
    sign = "-" if bias < 0 else "+"
    return f"{info.target} = {weight:g} * {info.features[0]} {sign} {abs(bias):g}"


def measure(path: str, metrics: dict[str, float]) -> Measured:
    """What the last commit and the working tree measured; path: of the metrics."""
    here = Checkout(Path(), "")
    head = load_rows(here, "")
    try:
        last = find_commit("HEAD")
        old = decode_numbers(path, here.read(last, path) or b"{}")
        base = load_rows(here, last)
        same = same_data(here.stages("dvc.lock", last), here.stages("dvc.lock"))
    except (UserError, OSError):
        # The results count also without git, without a commit, or if the commit's are broken.
        old, base, same = {}, None, False
    changes = [Change(name, old.get(name), number) for name, number in metrics.items()]
    return Measured(changes, same, base, head)


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    stages = declared.read(Path())
    (metrics_path,), (verdict_path,) = stages["evaluate"].outs, stages["verify"].outs
    metrics = load_numbers(metrics_path)
    difference = load_numbers(verdict_path, "max_abs_difference")["max_abs_difference"]
    info = load_info(Path(stages["evaluate"].cmd[3]), SamplesInfo)
    pictures = [path for stage in stages.values() for path in stage.outs if path.endswith(".png")]
    lines = {
        "pictures": " ".join(pictures),
        "reloaded": f"matches, largest difference {difference:g}",
    }
    if device := decode_values(metrics_path, read(Path(metrics_path), 100_000)).get(DEVICE):
        lines["trained on"] = str(device)
    if info.line:
        lines["true line"] = equation(info, *info.line)
    if {"weight", "bias"} <= metrics.keys():
        lines["learned line"] = equation(info, metrics["weight"], metrics["bias"])
    measured, rules = measure(metrics_path, metrics), load_rules()
    # The testing error is told, and not compared: it decides nothing.
    for name in ("test_mae", *rules.deciding):
        if name in metrics:
            lines[name] = f"{metrics[name]:g}"
    if any(change.old is not None for change in measured.metrics):
        for name, verdict in decisions(rules, measured).items():
            lines["since HEAD" if name == REPEATED else f"{name} now"] = verdict.sentence
    for name, text in lines.items():
        print(f"{name + ':':15} {text}")
