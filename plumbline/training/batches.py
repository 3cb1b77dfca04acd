"""The samples that a process trains on: all of them, or its share where several train together."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from plumbline.core import tensors
from plumbline.training.parallel import Processes


class Samples(NamedTuple):
    """The rows of X and y that are this process's, on its device."""

    X: Tensor  # (n, 1) float32
    y: Tensor  # likewise
    first: int  # the place of the first of them among those of all processes
    total: int  # how many all processes have


def load(path: Path, device: torch.device, processes: Processes) -> Samples:
    """The share of a file that is this process's; it maps no other row into memory."""
    X, y = tensors.load_samples(path, processes.rows if processes.size > 1 else None)
    total = torch.tensor(len(X))
    processes.add_up(total)
    n = int(total)
    first = processes.rows(n).start
    return Samples(torch.from_numpy(X).to(device), torch.from_numpy(y).to(device), first, n)


def batches(
    samples: Samples, size: int | None, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Each sample once, in one batch or in shuffled ones of `size` samples.

    A batch: this process's rows of X and y, and how many samples all processes have in it.
    """
    X, y, first, total = samples
    if size is None or size >= total:
        yield X, y, total
        return
    for rows in torch.randperm(total, generator=generator).split(size):
        mine = rows
        if len(X) < total:
            mine = rows[(rows >= first) & (rows < first + len(X))] - first
        # Non-blocking, since to wait for each copy would leave an accelerator idle.
        mine = mine.to(X.device, non_blocking=True)
        yield X[mine], y[mine], len(rows)
