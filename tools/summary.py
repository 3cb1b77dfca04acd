"""Say what the pipeline came to, from the files that it wrote.

Usage: python -m tools.summary
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from plumbline.core.command import run
from plumbline.core.input import read
from plumbline.core.params import load
from plumbline.pipeline import declared as pipeline
from stages.evaluate import Params

BYTES = 100_000


class Metrics(msgspec.Struct):
    """What the summary tells of what evaluate measured."""

    weight: float
    bias: float
    test_mae: float


class Verdict(msgspec.Struct):
    """What verify found."""

    matches: bool
    max_abs_difference: float


Result = TypeVar("Result", Metrics, Verdict)


def load_json(path: Path, kind: type[Result]) -> Result:
    """The file as a `kind`; ValueError says where it is none."""
    try:
        return msgspec.json.decode(read(path, BYTES), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def summary(metrics: Metrics, verdict: Verdict, pictures: list[str]) -> str:
    """The learned line beside the true one, the error, the verdict, and where the pictures are."""
    true = load(Params).generate
    reloaded = "matches" if verdict.matches else "does not match"
    return "\n".join(
        [
            f"learned line: y = {metrics.weight:g} * X + {metrics.bias:g}",
            f"true line:    y = {true.weight:g} * X + {true.bias:g}",
            f"test MAE:     {metrics.test_mae:g}",
            f"reloaded:     {reloaded}, largest difference {verdict.max_abs_difference:g}",
            f"pictures:     {' '.join(pictures)}",
        ]
    )


def main() -> None:
    stages = pipeline.read(Path())
    (metrics,), (verdict,) = stages["evaluate"].outs, stages["verify"].outs
    measured, verified = load_json(Path(metrics), Metrics), load_json(Path(verdict), Verdict)
    print(summary(measured, verified, stages["plot"].outs))


if __name__ == "__main__":
    run(main)
