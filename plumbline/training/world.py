"""The processes that train together, or a single one."""

import os
from typing import NamedTuple

import torch
from torch import Tensor, distributed

from plumbline.core.threads import share_of


class World(NamedTuple):
    """The processes that share the data; this one is number `rank` of `size`."""

    rank: int = 0
    size: int = 1
    threads: int = 1  # of this process

    def pieces(self, n: int) -> slice:
        """The share of n pieces that is this process's; shares differ by one piece at most."""
        return share_of(n, self.rank, self.size)

    def rows(self, n: int, piece: int) -> slice:
        """The share of n rows that is this process's: the rows of its pieces, or none."""
        share = self.pieces(-(-n // piece))
        return slice(share.start * piece, min(share.stop * piece, n))

    def exchange(self, table: Tensor) -> None:
        """Sets each row to that of the process that computed it; in all others it is zero."""
        if self.size > 1:
            # As integers, because -0.0 plus 0.0 is 0.0.
            distributed.all_reduce(table.view(torch.int32))

    def max(self, tensor: Tensor) -> Tensor:
        """The largest of each number of the tensor over all processes."""
        if self.size > 1:
            tensor = tensor.clone()
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return tensor

    def agree(self, number: int) -> bool:
        """True if all processes have the same number."""
        return bool(self.max(torch.tensor([number, -number])).sum() == 0)

    def gather(self, share: Tensor, n: int, piece: int) -> Tensor:
        """All n rows, on the CPU, in process 0; the share itself in every other."""
        if self.rank:
            if len(share):
                distributed.send(share, dst=0)
            return share
        if self.size == 1:
            return share
        rows = torch.empty(n, *share.shape[1:])
        rows[self.rows(n, piece)] = share
        for rank in range(1, self.size):
            part = rows[World(rank, self.size).rows(n, piece)]
            if len(part):
                distributed.recv(part, src=rank)
        return rows


ALONE = World()


def join(threads: int) -> World:
    """The processes that torchrun started together with this one, which has so many threads."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return World(threads=threads)
    if torch.accelerator.is_available():
        index = int(os.environ["LOCAL_RANK"]) % torch.accelerator.device_count()
        torch.accelerator.set_device_index(index)
    distributed.init_process_group()
    return World(distributed.get_rank(), distributed.get_world_size(), threads)
