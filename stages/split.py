"""Split the samples into training and testing samples.

Usage: python -m stages.split SAMPLES TRAIN TEST
"""

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.params import Seed
from plumbline.core.tensors import Array, Pair


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    train_fraction: Annotated[float, Meta(gt=0, lt=1)]
    shuffle: bool
    seed: Seed


class Params(msgspec.Struct, frozen=True):
    split: Split


def split(X: Array, y: Array, params: Split) -> tuple[Pair, Pair]:
    """(X, y) for training and (X, y) for testing, each with at least one row.

    X: (n, k), y: (n, 1). train_fraction * n rows, rounded, are for training.
    """
    count = round(params.train_fraction * len(X))
    if not 0 < count < len(X):
        raise UserError(
            "params.yaml: split.train_fraction: wanted samples for training and testing, "
            f"got {count} of {len(X)} for training"
        )
    if params.shuffle:
        order = np.random.default_rng(params.seed).permutation(len(X))
        X, y = X[order], y[order]
    return (X[:count], y[:count]), (X[count:], y[count:])


def main(params: Params, samples_path: Input, train_path: Output, test_path: Output) -> None:
    X, y, info = tensors.load_samples(samples_path)
    train, test = split(X, y, params.split)
    tensors.save_samples(train_path, *train, info)
    tensors.save_samples(test_path, *test, info)


if __name__ == "__main__":
    run(main, Params)
