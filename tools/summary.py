"""Print the results of the pipeline, from the files that it wrote.

Usage: python -m tools.summary
"""

from argparse import Namespace
from pathlib import Path

import msgspec

from plumbline import arguments
from plumbline.core.errors import UserError
from plumbline.core.files import read
from plumbline.core.metadata import SamplesInfo
from plumbline.core.tensors import load_info
from plumbline.pipeline import declared


def load_numbers(path: str, wanted: str) -> dict[str, float]:
    """The numbers in a JSON file, by name; UserError if the wanted one is missing."""
    try:
        numbers = msgspec.json.decode(read(Path(path), 100_000), type=dict[str, float | bool])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: {error}") from None
    if wanted not in numbers:
        raise UserError(f"{path}: wanted {wanted}, got {sorted(numbers)}")
    return numbers


def equation(info: SamplesInfo, weight: float, bias: float) -> str:
    """The equation of a line, as in `y = 1.002 * X - 0.2925`."""
    sign = "-" if bias < 0 else "+"
    return f"{info.target} = {weight:g} * {info.features[0]} {sign} {abs(bias):g}"


def main(_: Namespace) -> None:
    stages = declared.read(Path())
    (metrics_path,), (verdict_path,) = stages["evaluate"].outs, stages["verify"].outs
    metrics = load_numbers(metrics_path, "test_mae")
    difference = load_numbers(verdict_path, "max_abs_difference")["max_abs_difference"]
    info = load_info(Path(stages["evaluate"].cmd[3]), SamplesInfo)
    if {"weight", "bias"} <= metrics.keys():
        print(f"learned line: {equation(info, metrics['weight'], metrics['bias'])}")
    if info.line:
        print(f"true line:    {equation(info, *info.line)}")
    print(f"test MAE:     {metrics['test_mae']:g}")
    print(f"reloaded:     matches, largest difference {difference:g}")
    print(f"pictures:     {' '.join(stages['plot'].outs)}")


if __name__ == "__main__":
    arguments.run(main, arguments.parser(__doc__))
