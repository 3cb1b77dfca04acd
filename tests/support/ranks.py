"""Many processes simulated in one: each is a thread, and they exchange their tables in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

import torch
from torch import Tensor

from plumbline.training.world import World

Result = TypeVar("Result")


class Meeting:
    """Where all ranks hand something in, and each gets what all of these combine to."""

    def __init__(self, size: int) -> None:
        self.barrier = Barrier(size, self._combine)
        self.given: list[Any] = [None] * size
        self.messages: list[int] = []  # bytes of each table that was exchanged

    def exchange(self, rank: int, thing: Any, combine: Callable[[list[Any]], Any]) -> Any:
        self.given[rank], self.combine = thing, combine
        self.barrier.wait()
        return self.result

    def _combine(self) -> None:
        self.result = self.combine(self.given)


class Rank(World):
    """A simulated process."""

    meeting: Meeting

    def exchange(self, table: Tensor) -> None:
        table.copy_(self.meeting.exchange(self.rank, table, self._add))

    def _add(self, tables: list[Tensor]) -> Tensor:
        self.meeting.messages.append(tables[0].nbytes)
        numbers = torch.stack([table.view(torch.int32) for table in tables])
        return numbers.sum(dim=0, dtype=torch.int32).view(tables[0].dtype)

    def agree(self, number: int) -> bool:
        return bool(self.meeting.exchange(self.rank, number, lambda given: len(set(given)) == 1))

    def gather(self, share: Tensor, n: int, piece: int) -> Tensor:
        shares = self.meeting.exchange(self.rank, share, list)
        for rank, rows in enumerate(shares):
            assert len(rows) == len(range(n)[World(rank, self.size).rows(n, piece)])
        return torch.cat(shares)


def in_ranks(work: Callable[[World], Result], threads: list[int]) -> tuple[list[Result], list[int]]:
    """What `work` returns in each simulated process, and the bytes of each table they exchanged.

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
