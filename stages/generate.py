"""Generate samples of a straight line: y = weight * X + bias, with or without noise.

Usage: python -m stages.generate SAMPLES
"""

import math

import msgspec
import torch
from torch import Tensor

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Output
from plumbline.core.params import NonNegative, Positive, Real, Seed
from plumbline.core.tensors import SamplesInfo

# Noise is drawn in chunks of this many samples.
NOISE_CHUNK = 2**18


class Generate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: Real
    bias: Real
    start: Real
    end: Real
    step: Positive
    noise: NonNegative
    seed: Seed


class Params(msgspec.Struct, frozen=True):
    generate: Generate


def generate(params: Generate) -> tuple[Tensor, Tensor]:
    """X = start, start + step, ... below end, and y = weight * X + bias + noise.

    X, y: (n, 1) float32, the same for any number of threads.
    """
    steps = (params.end - params.start) / params.step
    if not 0 < steps < 2**31:
        raise UserError(
            "params.yaml: generate.end, generate.step: wanted 1 to 2147483647 samples, "
            f"got {math.ceil(steps) if math.isfinite(steps) else steps}"
        )
    # With several threads, each computes arange from its own start, which rounds differently.
    torch.set_num_threads(1)
    X = torch.arange(params.start, params.end, params.step).unsqueeze(1)
    # Operations in place: memory holds only X, y and one chunk of noise.
    y = (params.weight * X).add_(params.bias)
    if params.noise:
        generator = torch.Generator().manual_seed(params.seed)
        # CPUs may differ in the last bit of randn's float64; rounding to float32 hides it.
        for chunk in y.split(NOISE_CHUNK):
            noise = torch.randn(chunk.shape, generator=generator, dtype=torch.float64)
            chunk.add_(noise.mul_(params.noise))
    return X, y


def main(params: Params, samples_path: Output) -> None:
    X, y = generate(params.generate)
    line = params.generate.weight, params.generate.bias
    info = SamplesInfo(features=["X"], target="y", line=line)
    tensors.save_samples(samples_path, X.numpy(), y.numpy(), info)


if __name__ == "__main__":
    run(main, Params)
