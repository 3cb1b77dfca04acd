"""Simulates many processes with threads, which exchange tensors in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.distributed import ReduceOp

from plumbline.training.world import World

Result = TypeVar("Result")


def by_ranks(work: Callable[[World], Result], threads: list[int]) -> tuple[list[Result], list[int]]:
    """The result of `work` in each simulated process, and the size in bytes of each tensor summed.

    threads: the `World.threads` of each process; its length is the number of processes.
    """
    given: dict[int, tuple[Tensor, Any]] = {}  # by rank
    messages: list[int] = []
    errors: list[BaseException] = []

    def reduce_given() -> None:
        together = torch.stack([numbers for numbers, _ in given.values()])
        if given[0][1] == ReduceOp.SUM:
            messages.append(together[0].nbytes)
            reduced = together.sum(dim=0, dtype=together.dtype)
        else:
            reduced = together.amax(dim=0)
        for numbers, _ in given.values():
            numbers.copy_(reduced)

    barrier = Barrier(len(threads), reduce_given)

    class Rank(World):
        def reduce(self, numbers: Tensor, operation: Any) -> None:
            given[self.rank] = numbers, operation
            barrier.wait()

    def run(rank: int) -> Result:
        try:
            return work(Rank(rank, len(threads), threads[rank]))
        except BaseException as error:
            errors.append(error)
            barrier.abort()  # raises an error in the other ranks
            raise

    with ThreadPoolExecutor(len(threads), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        ranks = [pool.submit(run, rank) for rank in range(len(threads))]
    for error in errors:
        raise error
    return [rank.result() for rank in ranks], messages
