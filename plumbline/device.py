"""The device that computes, and the threads of a CPU."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from threading import Event
from typing import TypeVar

import torch

from plumbline.core.errors import UserError

Item = TypeVar("Item")


def use_device(name: str) -> torch.device:
    """Sets up this process for the device that `device` in params.yaml names, and returns it.

    `auto` is the accelerator if there is one, else the CPU.
    """
    # glibc returns freed blocks to the system, which costs a page fault for every 4 KB of the
    # next one, unless it has seen a larger block freed.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    present = {"auto": torch.device("cpu"), "cpu": torch.device("cpu")}
    if accelerator := torch.accelerator.current_accelerator(check_available=True):
        kind = accelerator.type
        indexed = [f"{kind}:{index}" for index in range(torch.accelerator.device_count())]
        present |= {"auto": accelerator, **{n: torch.device(n) for n in (kind, *indexed)}}
    if name not in present:
        raise UserError(f"params.yaml: device: wanted one of {', '.join(present)}, got {name!r}")
    return present[name]


def use_threads() -> int:
    """The number of threads that OMP_NUM_THREADS asks for; without it, one for each core.

    From now on, an operation of torch uses a single thread: several would split a sum by their
    number, and so change its last bits. `in_threads` gives each thread pieces of the data instead.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    return threads


def share_of(n: int, part: int, parts: int) -> slice:
    """The part, counted from 0, of n items in order; parts differ by one item at most."""
    return slice(n * part // parts, n * (part + 1) // parts)


def in_threads(task: Callable[[Item], None], items: Sequence[Item], threads: int) -> None:
    """Calls `task` once for each item; each thread takes a contiguous run of the items.

    If a call raises, no thread starts another one, and the exception is raised here.
    """
    parts = min(threads, len(items))
    if parts < 2:
        for item in items:
            task(item)
        return
    stop = Event()

    def work(run: Sequence[Item]) -> None:
        try:
            for item in run:
                if stop.is_set():
                    return
                task(item)
        except BaseException:
            stop.set()
            raise

    own, *others = (items[share_of(len(items), part, parts)] for part in range(parts))
    futures = [_pool(threads).submit(work, run) for run in others]
    try:
        work(own)
    finally:
        wait(futures)
    for future in futures:
        future.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """The threads beside the main one, kept because each one reuses its blocks of memory."""
    return ThreadPoolExecutor(threads - 1, initializer=torch.set_num_threads, initargs=(1,))
