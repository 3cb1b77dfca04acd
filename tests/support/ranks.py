"""Many processes simulated in one: each is a thread, and they exchange tensors in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.distributed import ReduceOp

from plumbline.training.world import World

Result = TypeVar("Result")


class Meeting:
    """Where all ranks hand a tensor in, and each gets what all of these reduce to."""

    def __init__(self, size: int) -> None:
        self.barrier = Barrier(size, self._reduce)
        self.given: list[Tensor] = [torch.empty(0)] * size
        self.messages: list[int] = []  # bytes of each sum

    def reduce(self, rank: int, numbers: Tensor, operation: Any) -> None:
        self.given[rank], self.operation = numbers, operation
        self.barrier.wait()
        numbers.copy_(self.reduced)

    def _reduce(self) -> None:
        numbers = torch.stack(self.given)
        if self.operation == ReduceOp.SUM:
            self.messages.append(self.given[0].nbytes)
            self.reduced = numbers.sum(dim=0, dtype=numbers.dtype)
        else:
            self.reduced = numbers.amax(dim=0)


class Rank(World):
    """A simulated process."""

    meeting: Meeting

    def reduce(self, numbers: Tensor, operation: Any) -> None:
        self.meeting.reduce(self.rank, numbers, operation)


def in_ranks(work: Callable[[World], Result], threads: list[int]) -> tuple[list[Result], list[int]]:
    """What `work` returns in each simulated process, and the bytes of each sum over all of them.

    threads: how many threads each process has; there are as many processes as numbers.
    """
    meeting = Meeting(len(threads))

    def run(rank: int) -> Result:
        world = Rank(rank, len(threads), threads[rank])
        world.meeting = meeting
        try:
            return work(world)
        except BaseException:
            meeting.barrier.abort()
            raise

    with ThreadPoolExecutor(len(threads), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        ranks = [pool.submit(run, rank) for rank in range(len(threads))]
    errors = [error for rank in ranks if (error := rank.exception())]
    # The error of one rank breaks the barrier for the others.
    for error in sorted(errors, key=lambda error: isinstance(error, BrokenBarrierError)):
        raise error
    return [rank.result() for rank in ranks], meeting.messages
