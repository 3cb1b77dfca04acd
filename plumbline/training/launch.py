"""The start of several processes, which torchrun's PET_ variables ask for."""

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

import torch

from plumbline.core.errors import UserError


def has_to_launch() -> bool:
    """True in the parent that has to launch workers; a worker has a RANK."""
    return "RANK" not in os.environ and any(name.startswith("PET_") for name in os.environ)


def launch(module: str) -> None:
    """Runs this command in the workers that the PET_ variables ask for, and waits for them.

    If one fails, torchrun ends the others, and UserError says which one failed and why.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import determine_local_world_size, parse_args, run

    # Torchrun's own messages about a failure fill a screen.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
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
