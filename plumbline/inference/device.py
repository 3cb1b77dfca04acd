"""The device that computes, and torch's threads on a CPU."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from plumbline.core.errors import UserError
from plumbline.core.tensor_file import Array
from plumbline.core.threads import in_threads

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


def to_device(array: Array, device: torch.device) -> Tensor:
    """A copy of the array on the device.

    The rows of a file may start anywhere, and the last bits of a matrix product depend on whether
    they start at 16 bytes; those of a new tensor do.
    """
    return torch.tensor(array, device=device)


def use_threads() -> int:
    """The number of threads that OMP_NUM_THREADS asks for; without it, one for each core.

    From now on, an operation of torch uses a single thread: several would split a sum by their
    number, and so change its last bits. `in_threads` gives each thread pieces of the data instead.
    """
    threads = torch.get_num_threads()
    one_thread()
    return threads


def one_thread() -> None:
    """From now on, an operation that this thread calls uses no other one."""
    torch.set_num_threads(1)


def compute_pieces(
    task: Callable[[Item], None], pieces: Sequence[Item], device: torch.device, threads: int
) -> None:
    """Calls `task` once for each piece, on this many threads of a CPU; an accelerator needs one."""
    in_threads(task, pieces, threads if device.type == "cpu" else 1, one_thread)
