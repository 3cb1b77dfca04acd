"""Print the results of the pipeline, and whether they are better than those of the last commit."""

from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from plumbline.core.command import number
from plumbline.core.errors import UserError
from plumbline.core.tensors import SamplesInfo, load_info
from plumbline.lint import declared
from plumbline.review.gate import DEVICE, VALIDATED, decisions, load_rules
from plumbline.review.git import HERE, find_commit
from plumbline.review.measured import Measured, is_number, measure, read_values

T = TypeVar("T")


def equation(info: SamplesInfo, weight: float, bias: float) -> str:
    """The equation of a line, as in `y = 1.002 * X - 0.2925`."""
    sign = "-" if bias < 0 else "+"
    return f"{info.target} = {number(weight)} * {info.features[0]} {sign} {number(abs(bias))}"


def first_of(paths: list[str], read: Callable[[str], T]) -> T | None:
    """The result of `read` for the first path that it can read; None if it can read none."""
    for path in paths:
        with suppress(UserError, KeyError):
            return read(path)
    return None


def main(_: Namespace) -> None:
    rules, head, base = load_rules(), measure(HERE, ""), Measured({})
    # If git fails or HEAD's results cannot be read, the current results are only printed.
    with suppress(UserError, OSError):
        base = measure(HERE, find_commit("HEAD"))
    outs = [path for stage in declared.read(Path()).values() for path in stage.outs]
    verdicts = [path for path in outs if path.endswith(".json")]
    difference = first_of(verdicts, lambda path: read_values(HERE, "", path)["max_abs_difference"])
    info = first_of(outs, lambda path: load_info(Path(path), SamplesInfo))
    metrics = head.metrics
    lines = {"pictures": " ".join(path for path in outs if path.endswith(".png"))}
    if difference is not None:
        lines["reloaded"] = f"matches, largest difference {difference:g}"
    if DEVICE in metrics:
        lines["trained on"] = metrics[DEVICE]
    if info and info.line:
        lines["true line"] = equation(info, *info.line)
    if info and {"weight", "bias"} <= metrics.keys():
        lines["learned line"] = equation(info, metrics["weight"], metrics["bias"])
    # The testing error is printed but not compared, because it decides nothing.
    names = [name for name in ("test_mae", *rules.deciding) if name in metrics]
    lines |= {name: number(v) if is_number(v := metrics[name]) else str(v) for name in names}
    if base.metrics:
        for name, verdict in decisions(rules, base, head).items():
            lines["since HEAD" if name == VALIDATED else f"{name} now"] = verdict.sentence
    for name, text in lines.items():
        print(f"{name + ':':15} {text}")
