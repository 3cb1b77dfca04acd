"""Print the results of the pipeline, and whether they are better than those of the last commit."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

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
from plumbline.review.git import HERE, find_commit

T = TypeVar("T")
Values = dict[str, float | bool | str]


def decode(path: str, content: bytes) -> Values:
    """The numbers and the texts, such as the device, in a JSON file with this content."""
    try:
        values = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: {error}") from None
    return {name: v for name, v in values.items() if isinstance(v, float | int | str)}


def load(path: str) -> Values:
    return decode(path, read(Path(path), 100_000)) if path.endswith(".json") else {}


def equation(info: SamplesInfo, weight: float, bias: float) -> str:
    """The equation of a line, as in `y = 1.002 * X - 0.2925`."""
    sign = "-" if bias < 0 else "+"
    return f"{info.target} = {weight:g} * {info.features[0]} {sign} {abs(bias):g}"


def first(paths: list[str], read: Callable[[str], T]) -> T | None:
    """What is read of the first file that has it; None if no file has."""
    for path in paths:
        with suppress(UserError, KeyError):
            return read(path)
    return None


def measure(paths: Iterable[str], values: Values) -> Measured:
    """What the last commit and the working tree measured; paths: of the metrics."""
    head = load_rows(HERE, "")
    try:
        last = find_commit("HEAD")
        old = {n: v for p in paths for n, v in decode(p, HERE.read(last, p) or b"{}").items()}
        base = load_rows(HERE, last)
    except (UserError, OSError):
        # The results count also without git, without a commit, or if the commit's are broken.
        old, base = {}, None
    return Measured([Change(name, old.get(name), v) for name, v in values.items()], base, head)


def main(_: Namespace) -> None:
    raw, stages = HERE.stages("dvc.yaml"), declared.read(Path()).values()
    metrics = declared.entries(raw, "metrics")
    outs = [path for stage in stages for path in stage.outs if path not in metrics]
    values = {name: value for path in metrics for name, value in load(path).items()}
    info = first(outs, lambda path: load_info(Path(path), SamplesInfo))
    difference = first(outs, lambda path: load(path)["max_abs_difference"])
    lines = {"pictures": " ".join(path for path in outs if path.endswith(".png"))}
    if difference is not None:
        lines["reloaded"] = f"matches, largest difference {difference:g}"
    if DEVICE in values:
        lines["trained on"] = str(values[DEVICE])
    if info and info.line:
        lines["true line"] = equation(info, *info.line)
    if info and {"weight", "bias"} <= values.keys():
        lines["learned line"] = equation(info, float(values["weight"]), float(values["bias"]))
    measured, rules = measure(metrics, values), load_rules()
    # The testing error is told, and not compared: it decides nothing.
    for name in ("test_mae", *rules.deciding):
        if name in values:
            lines[name] = f"{values[name]:g}"
    if any(change.old is not None for change in measured.metrics):
        for name, verdict in decisions(rules, measured).items():
            lines["since HEAD" if name == REPEATED else f"{name} now"] = verdict.sentence
    for name, text in lines.items():
        print(f"{name + ':':15} {text}")
