"""Print the results of the pipeline, and how the metrics that decide moved since the last commit.

Usage: python -m plumbline summary
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from plumbline.core.errors import UserError
from plumbline.core.files import read
from plumbline.core.tensors import SamplesInfo, load_info
from plumbline.lint import declared
from plumbline.review.change import DEVICE
from plumbline.review.gate import load_rules
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


def last_committed(path: str) -> tuple[dict[str, float], bool]:
    """The metrics of the last commit, and whether they are of the samples of the working tree."""
    try:
        last = Checkout(Path(), find_commit("HEAD"))
        metrics = decode_numbers(path, last.read(last.head, path) or b"{}")
        return metrics, same_data(last.stages("dvc.lock", last.head), last.stages("dvc.lock"))
    except (UserError, OSError):
        # The results count also without git, without a commit, or if the commit's are broken.
        return {}, False


def movement(old: float | None, new: float, comparable: bool) -> str:
    """The way from the last commit's metric, in words; nothing if that has none."""
    if old is None:
        return ""
    if not comparable:
        return ", not compared with HEAD: other data"
    if new == old:
        return ", as in HEAD"
    return f", {abs(new - old):.3g} {'lower' if new < old else 'higher'} than HEAD"


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    stages = declared.read(Path())
    (metrics_path,), (verdict_path,) = stages["evaluate"].outs, stages["verify"].outs
    metrics = load_numbers(metrics_path)
    difference = load_numbers(verdict_path, "max_abs_difference")["max_abs_difference"]
    info = load_info(Path(stages["evaluate"].cmd[3]), SamplesInfo)
    print(f"pictures:     {' '.join(stages['plot'].outs)}")
    print(f"reloaded:     matches, largest difference {difference:g}")
    if device := decode_values(metrics_path, read(Path(metrics_path), 100_000)).get(DEVICE):
        print(f"trained on:   {device}")
    if info.line:
        print(f"true line:    {equation(info, *info.line)}")
    if {"weight", "bias"} <= metrics.keys():
        print(f"learned line: {equation(info, metrics['weight'], metrics['bias'])}")
    old, comparable = last_committed(metrics_path)
    for name in [name for name, rule in load_rules().metrics.items() if rule.decides]:
        found = f"none in {metrics_path}"
        if name in metrics:
            found = f"{metrics[name]:g}{movement(old.get(name), metrics[name], comparable)}"
        print(f"{name + ':':13} {found}")
