"""Split the samples into a training and a testing part.

Usage: python -m stages.split LINE TRAIN TEST
"""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.params import Seed, load
from plumbline.core.tensors import Array


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `split`; its meaning stands in params.yaml."""

    train_fraction: Annotated[float, Meta(gt=0, lt=1)]
    shuffle: bool
    seed: Seed


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    split: Split


def split(X: Array, y: Array, params: Split) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(X, y) of the training part and (X, y) of the testing part, each with at least one row.

    X, y: (n, 1). The training part is the nearest whole number of rows to train_fraction * n.
    """
    count = round(params.train_fraction * len(X))
    if not 0 < count < len(X):
        raise ValueError(
            "params.yaml: split.train_fraction: wanted a sample in each part, "
            f"got {count} of {len(X)} for training"
        )
    if params.shuffle:
        order = np.random.default_rng(params.seed).permutation(len(X))
        X, y = X[order], y[order]
    return (X[:count], y[:count]), (X[count:], y[count:])


def main(line: Path, train: Path, test: Path) -> None:
    X, y = tensors.load_samples(line)
    for path, (X_part, y_part) in zip((train, test), split(X, y, load(Params).split), strict=True):
        tensors.save(path, {"X": X_part, "y": y_part})


if __name__ == "__main__":
    run(main)
