"""The processes that train together; torchrun's PET_ variables start several."""

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, distributed
from torch.distributed import ReduceOp

from plumbline.core.errors import UserError
from plumbline.core.threads import share_of


class World(NamedTuple):
    """The processes that share the data; this one is number `rank` of `size`."""

    rank: int = 0
    size: int = 1
    threads: int = 1  # of this process

    def pieces(self, n: int) -> slice:
        """Indices of the process's share of n pieces; shares differ by at most one piece."""
        return share_of(n, self.rank, self.size)

    def rows(self, n: int, piece: int) -> slice:
        """Indices of the process's share of n rows: those of its pieces. It may be empty."""
        share = self.pieces(-(-n // piece))
        return slice(share.start * piece, min(share.stop * piece, n))

    def reduce(self, numbers: Tensor, operation: ReduceOp.RedOpType) -> None:
        """Sets the numbers to their sum, or to the largest of each, over all processes."""
        distributed.all_reduce(numbers, operation)

    def exchange(self, terms: Tensor) -> None:
        """Fills in the terms that other processes computed, which are zero in this one."""
        if self.size > 1:
            # As integers, because -0.0 plus 0.0 is 0.0.
            numbers = terms.cpu().view(torch.int32)
            self.reduce(numbers, ReduceOp.SUM)
            terms.copy_(numbers.view(terms.dtype))

    def max(self, tensor: Tensor) -> Tensor:
        """The largest value of each number over all processes."""
        if self.size == 1:
            return tensor
        largest = tensor.to("cpu", copy=True)
        self.reduce(largest, ReduceOp.MAX)
        return largest.to(tensor.device)

    def agree(self, number: int) -> bool:
        """True if all processes have the same number."""
        return bool(self.max(torch.tensor([number, -number])).sum() == 0)

    def gather(self, share: Tensor, n: int, piece: int) -> Tensor:
        """All n rows, on the CPU, in process 0; in each other process its share."""
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
    """The world of this process, as torchrun describes it, with this many threads."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return World(threads=threads)
    if torch.accelerator.is_available():
        index = int(os.environ["LOCAL_RANK"]) % torch.accelerator.device_count()
        torch.accelerator.set_device_index(index)
    # NCCL refuses tensors on the CPU, and two processes on one GPU. The messages are small.
    distributed.init_process_group("gloo")
    return World(distributed.get_rank(), distributed.get_world_size(), threads)


def launch(module: str) -> bool:
    """Runs this command in the workers that the PET_ variables ask for, and waits; True if it did.

    Without such a variable, or in a worker, which has a RANK, it runs nothing and returns False.
    If a worker fails, torchrun ends the others, and UserError says which one failed and why.
    """
    if "RANK" in os.environ or not any(name.startswith("PET_") for name in os.environ):
        return False
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import determine_local_world_size, parse_args, run

    # Torchrun's own messages about a failure fill a screen.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    stage = module.rpartition(".")[2]
    alone = [] if "PET_RDZV_ENDPOINT" in os.environ else ["--standalone"]
    with tempfile.TemporaryDirectory() as logs:
        show = ["--local-ranks-filter", "0", "--redirects", "2", "--log-dir", logs]
        arguments = parse_args([*alone, *show, "--module", module, *sys.argv[1:]])
        # Torchrun would give each process one thread.
        threads = torch.get_num_threads() // determine_local_world_size(arguments.nproc_per_node)
        os.environ.setdefault("OMP_NUM_THREADS", str(max(threads, 1)))
        try:
            run(arguments)
        except SignalException:
            raise KeyboardInterrupt from None
        except ChildFailedError as error:
            ends = {}
            for rank, end in sorted(error.failures.items()):
                (log,) = Path(logs).glob(f"*/attempt_0/{end.local_rank}/stderr.log")
                text = log.read_text(encoding="utf-8", errors="replace")
                ends[rank] = end.exitcode, end.message, text.splitlines()
            raise UserError(cause(stage, ends)) from None
    return True


def cause(stage: str, ends: dict[int, tuple[int, str, list[str]]]) -> str:
    """The line that best explains why processes failed.

    ends: for each rank, its exit code, torchrun's message, and what it wrote to standard error.
    An error that the stage reported comes first, then a signal, then the last line of a process,
    which may have lost its peer. An interruption comes last: torchrun ends the remaining processes
    with SIGTERM.
    """
    found, own = [], f"{stage}: "
    for rank, (code, message, lines) in ends.items():
        # Other lines may follow, because a library may abort a process whose threads still run.
        reported = [line.removeprefix(own) for line in lines if line.startswith(own)]
        if reported and reported[-1] != "interrupted":
            found.append((0, reported[-1]))
        elif reported or code == -signal.SIGTERM:
            found.append((3, "interrupted"))
        elif code < 0:
            found.append((1, f"process {rank} failed: {message}"))
        else:
            found.append((2, f"process {rank} failed: {lines[-1] if lines else message}"))
    return min(found, key=lambda pair: pair[0])[1]
