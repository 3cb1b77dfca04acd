"""Print the results of the pipeline, from the files that it wrote.

Usage: python -m tools.summary
"""

from argparse import Namespace
from pathlib import Path

import msgspec

from plumbline import arguments
from plumbline.core.files import read
from plumbline.core.params import load
from plumbline.pipeline import declared
from stages.evaluate import Params


def load_numbers(path: str, *names: str) -> list[float]:
    """The numbers of these names in a JSON file; ValueError if one is missing."""
    try:
        kind = msgspec.defstruct("Numbers", [(name, float) for name in names])
        numbers = msgspec.json.decode(read(Path(path), 100_000), type=kind)
        return [getattr(numbers, name) for name in names]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def main(_: Namespace) -> None:
    stages, true = declared.read(Path()), load(Params).generate
    (metrics,), (verdict,) = stages["evaluate"].outs, stages["verify"].outs
    weight, bias, test_mae = load_numbers(metrics, "weight", "bias", "test_mae")
    (difference,) = load_numbers(verdict, "max_abs_difference")
    print(f"learned line: y = {weight:g} * X + {bias:g}")
    print(f"true line:    y = {true.weight:g} * X + {true.bias:g}")
    print(f"test MAE:     {test_mae:g}")
    print(f"reloaded:     matches, largest difference {difference:g}")
    print(f"pictures:     {' '.join(stages['plot'].outs)}")


if __name__ == "__main__":
    arguments.run(main, arguments.parser(__doc__))
