"""The processes that train together; torchrun starts several if its PET_ variables are set."""

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
    """The `size` processes that share the data; the number of this one, from 0, is `rank`."""

    rank: int = 0
    size: int = 1
    threads: int = 1  # of this process

    def pieces(self, n: int) -> slice:
        """Indices of this process's share of n pieces; shares differ by at most one piece."""
        return share_of(n, self.rank, self.size)

    def rows(self, n: int, piece: int) -> slice:
        """Indices of this process's share of n rows, in pieces of `piece` rows; may be empty."""
        share = self.pieces(-(-n // piece))
        return slice(share.start * piece, min(share.stop * piece, n))

    def reduce(self, numbers: Tensor, operation: ReduceOp.RedOpType) -> None:
        """Replaces each number by its sum or its maximum over all processes, in place."""
        distributed.all_reduce(numbers, operation)

    def exchange(self, terms: Tensor) -> None:
        """Fills in the terms of the other processes, which are zero in this one."""
        if self.size > 1:
            # Added as integers, because as floats, -0.0 + 0.0 is 0.0, not -0.0.
            numbers = terms.cpu().view(torch.int32)
            self.reduce(numbers, ReduceOp.SUM)
            terms.copy_(numbers.view(terms.dtype))

    def max(self, tensor: Tensor) -> Tensor:
        """The largest value of each element over all processes."""
        if self.size == 1:
            return tensor
        largest = tensor.to("cpu", copy=True)
        self.reduce(largest, ReduceOp.MAX)
        return largest.to(tensor.device)

    def agree(self, number: int) -> bool:
        """True if all processes have the same number."""
        return bool(self.max(torch.tensor([number, -number])).sum() == 0)

    def gather(self, share: Tensor, n: int, piece: int) -> Tensor:
        """In process 0, all n rows, on the CPU; in every other process, only its share."""
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
    """Connects this process, which has `threads` threads, with the others that torchrun started."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return World(threads=threads)
    if torch.accelerator.is_available():
        index = int(os.environ["LOCAL_RANK"]) % torch.accelerator.device_count()
        torch.accelerator.set_device_index(index)
    # NCCL refuses CPU tensors, and two processes on one GPU. Gloo suffices for small messages.
    distributed.init_process_group("gloo")
    return World(distributed.get_rank(), distributed.get_world_size(), threads)


def launch(module: str) -> bool:
    """Runs this command in the workers that PET_ variables ask for; returns True when they end.

    Runs nothing and returns False in a worker (RANK is set) or without a PET_ variable.
    If a worker fails, torchrun ends the others, and this function raises UserError with the cause.
    """
    if "RANK" in os.environ or not any(name.startswith("PET_") for name in os.environ):
        return False
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import determine_local_world_size, parse_args, run

    # Hides torchrun's own messages about a failure, which fill a screen.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    stage = module.rpartition(".")[2]
    alone = [] if "PET_RDZV_ENDPOINT" in os.environ else ["--standalone"]
    with tempfile.TemporaryDirectory() as logs:
        show = ["--local-ranks-filter", "0", "--redirects", "2", "--log-dir", logs]
        arguments = parse_args([*alone, *show, "--module", module, *sys.argv[1:]])
        # By default, torchrun gives each process a single thread.
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

    ends: for each rank, its exit code, torchrun's message, and its lines on standard error.
    An error that the stage reported is preferred to a signal, and a signal to the last line of a
    process, which may only report a lost connection. An interruption is the last choice, because
    torchrun itself interrupts the remaining processes, with SIGTERM or, through Python, SIGINT.
    """
    found, own = [], f"{stage}: "
    for rank, (code, message, lines) in ends.items():
        # Lines may follow the error, because a library may abort a process whose threads still run.
        reported = [line.removeprefix(own) for line in lines if line.startswith(own)]
        if reported and reported[-1] != "interrupted":
            found.append((0, reported[-1]))
        elif reported or code in (-signal.SIGTERM, -signal.SIGINT):
            found.append((3, "interrupted"))
        elif code < 0:
            found.append((1, f"process {rank} failed: {message}"))
        else:
            found.append((2, f"process {rank} failed: {lines[-1] if lines else message}"))
    return min(found, key=lambda pair: pair[0])[1]
