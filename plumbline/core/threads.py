"""Shares work among threads; the number of threads does not change the result."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from threading import Event
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")


def count_threads() -> int:
    """The number of threads that OMP_NUM_THREADS sets or, without it, the number of cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_of(n: int, part: int, parts: int) -> slice:
    """The slice of n items for part number `part` (from 0); parts differ by at most one item."""
    return slice(n * part // parts, n * (part + 1) // parts)


def map_in_threads(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    start: Callable[[], object] | None = None,
) -> list[Result]:
    """The result of `task` for each item, in order; each thread processes consecutive items.

    If a call raises an exception, no thread starts another call, and this function raises it.
    start: is called at the start of each new thread.
    """
    parts = min(threads, len(items))
    if parts < 2:
        return [task(item) for item in items]
    # This import takes longer than a stage's work on a few samples.
    from concurrent.futures import wait

    stop = Event()

    def work(part: Sequence[Item]) -> list[Result]:
        try:
            return [task(item) for item in part if not stop.is_set()]
        except BaseException:
            stop.set()
            raise

    own, *others = (items[share_of(len(items), part, parts)] for part in range(parts))
    futures = [_pool(threads, start).submit(work, part) for part in others]
    try:
        results = work(own)
    finally:
        wait(futures)
    return results + [result for future in futures for result in future.result()]


@cache
def _pool(threads: int, start: Callable[[], object] | None) -> "ThreadPoolExecutor":
    """The threads besides the main one. They are kept, so that each reuses its blocks of memory."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads - 1, initializer=start)
