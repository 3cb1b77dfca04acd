"""Generate a straight line: `y = weight * X + bias`, with noise where it is wanted.

Usage: python -m stages.generate LINE
"""

import math
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.params import NonNegative, Positive, Real, Seed, load

# As many samples get their noise at once.
PIECE = 2**18


class Generate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `generate`; its meaning stands in params.yaml."""

    weight: Real
    bias: Real
    start: Real
    end: Real
    step: Positive
    noise: NonNegative
    seed: Seed


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    generate: Generate


def generate(params: Generate) -> tuple[Tensor, Tensor]:
    """X = start, start + step, ... below end, and y = weight * X + bias + noise.

    X, y: (n, 1) float32, the same for any number of threads.
    """
    steps = (params.end - params.start) / params.step
    if not 0 < steps < 2**31:
        raise ValueError(
            "params.yaml: generate.end, generate.step: wanted 1 to 2147483647 samples, "
            f"got {math.ceil(steps)}"
        )
    # Several threads each start their share of arange anew, and round it differently.
    torch.set_num_threads(1)
    X = torch.arange(params.start, params.end, params.step).unsqueeze(1)
    # In place, which changes no bit: memory holds the two columns, and a piece of the noise.
    y = (params.weight * X).add_(params.bias)
    if params.noise:
        generator = torch.Generator().manual_seed(params.seed)
        # Drawn in float64, whose last bit differs between CPUs, and rounded, so that y's does not.
        for piece in y.split(PIECE):
            noise = torch.randn(piece.shape, generator=generator, dtype=torch.float64)
            piece.add_(noise.mul_(params.noise))
    return X, y


def main(line: Path) -> None:
    X, y = generate(load(Params).generate)
    tensors.save(line, {"X": X.numpy(), "y": y.numpy()})


if __name__ == "__main__":
    run(main)
