"""The processes that train together, which torchrun's PET_ variables ask for; else a single one."""

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn

from plumbline.core.errors import UserError


class World(NamedTuple):
    """The processes that share the data; this one is number `rank` of `size`."""

    rank: int = 0
    size: int = 1

    def rows(self, n: int) -> slice:
        """The share of n rows that is this process's; shares differ by one row at most."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of the tensor over all processes."""
        if self.size > 1:
            tensor = tensor.clone()
            distributed.all_reduce(tensor)
        return tensor

    def max(self, tensor: Tensor) -> Tensor:
        """The largest of each number of the tensor over all processes."""
        if self.size > 1:
            tensor = tensor.clone()
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return tensor

    def sum_gradients(self, model: nn.Module) -> None:
        """Sets each gradient to its sum over all processes; one without samples adds nothing."""
        for parameter in model.parameters() if self.size > 1 else ():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)

    def agree(self, number: int) -> bool:
        """True if all processes have the same number."""
        return bool(self.max(torch.tensor([number, -number])).sum() == 0)

    def gather(self, share: Tensor, n: int) -> Tensor:
        """All n rows, on the CPU, in process 0; the share itself in every other."""
        if self.rank:
            distributed.send(share, dst=0)
            return share
        if self.size == 1:
            return share
        rows = torch.empty(n, *share.shape[1:])
        rows[self.rows(n)] = share
        for rank in range(1, self.size):
            distributed.recv(rows[World(rank, self.size).rows(n)], src=rank)
        return rows


ALONE = World()


def join() -> World:
    """The processes that torchrun started together with this one."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return ALONE
    if torch.accelerator.is_available():
        index = int(os.environ["LOCAL_RANK"]) % torch.accelerator.device_count()
        torch.accelerator.set_device_index(index)
    distributed.init_process_group()
    return World(distributed.get_rank(), distributed.get_world_size())


def has_to_launch() -> bool:
    """True in the parent that has to launch workers; a worker has a RANK."""
    return "RANK" not in os.environ and any(name.startswith("PET_") for name in os.environ)


def launch(module: str) -> None:
    """Runs this command in the workers that the PET_ variables ask for, and waits for them.

    If one fails, torchrun ends the others, and UserError says which one failed and why.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    # Torchrun's own messages about a failure fill a screen.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    alone = [] if "PET_RDZV_ENDPOINT" in os.environ else ["--standalone"]
    with tempfile.TemporaryDirectory() as logs:
        show = ["--local-ranks-filter", "0", "--redirects", "2", "--log-dir", logs]
        try:
            run(parse_args([*alone, *show, "--module", module, *sys.argv[1:]]))
        except ChildFailedError as error:
            ends = {
                rank: (end.exitcode, end.message, _last_line(Path(logs), end.local_rank))
                for rank, end in error.failures.items()
            }
            raise UserError(cause(module.rpartition(".")[2], ends)) from None


def cause(stage: str, ends: dict[int, tuple[int, str, str]]) -> str:
    """The line that explains best why processes failed.

    ends: for each rank, its exit code, torchrun's message and its last line on standard error.
    Best is an error that the stage reported, then a signal, then an error of a process that lost
    its peer. Torchrun ends the remaining processes with SIGTERM, so an interruption comes last.
    """

    def rank_of_cause(rank: int) -> tuple[bool, bool, bool, int]:
        code, _, said = ends[rank]
        interrupted = code == -signal.SIGTERM or said == f"{stage}: interrupted"
        return interrupted, not said.startswith(f"{stage}: "), code >= 0, rank

    rank = min(ends, key=rank_of_cause)
    code, message, said = ends[rank]
    if said.startswith(f"{stage}: "):
        return said.removeprefix(f"{stage}: ")
    return f"process {rank} failed: {said if code > 0 and said else message}"


def _last_line(logs: Path, local_rank: int) -> str:
    (log,) = logs.glob(f"*/attempt_0/{local_rank}/stderr.log")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else ""
