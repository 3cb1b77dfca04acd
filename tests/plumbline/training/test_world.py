"""Several processes give the bytes of one; if one dies, the stage fails with one line."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.numpy import save_file

from plumbline.core import tensors
from plumbline.core.tensors import encode
from plumbline.training.world import World, cause
from tests.support.exercise import ROOT, write_params
from tests.support.models import OUTPUTS, make_samples, train
from tests.support.ranks import in_ranks

Process = subprocess.Popen[str]

SMALL = {"generate.end": 1.01, "train.epochs": 5, "train.eval_every": 1}  # 2 does not divide it
LARGE = {"generate.step": 1 / 700_000, "generate.noise": 0.1}  # 3 pieces, and 1 to test on


ERROR, LOST = (1, "", "train: no data"), (1, "", "RuntimeError: Connection closed by peer")
KILLED, ENDED = (-9, "Signal 9 (SIGKILL)", "ignored"), (-15, "Signal 15 (SIGTERM)", "ignored")
INTERRUPTED = (1, "", "train: interrupted")


@pytest.mark.parametrize(
    ("ends", "line"),
    [
        ((LOST, ERROR, KILLED), "no data"),
        ((ENDED, LOST, KILLED), "process 2 failed: Signal 9 (SIGKILL)"),
        ((ENDED, LOST), "process 1 failed: RuntimeError: Connection closed by peer"),
        ((INTERRUPTED, KILLED), "process 1 failed: Signal 9 (SIGKILL)"),
        ((INTERRUPTED, LOST), "process 1 failed: RuntimeError: Connection closed by peer"),
        ((INTERRUPTED, ERROR), "no data"),
        ((INTERRUPTED,), "interrupted"),
    ],
)
def test_the_cause_is_an_error_or_else_a_signal_or_else_a_lost_connection(
    ends: tuple[tuple[int, str, str], ...], line: str
) -> None:
    """Torchrun interrupts and ends the processes that are left, so those are not the cause."""
    assert cause("train", dict(enumerate(ends))) == line


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 6, 7, 100])
def test_the_shares_cover_all_rows_in_order_and_are_whole_pieces(n: int, size: int) -> None:
    shares = [list(range(n))[World(rank, size).rows(n, 3)] for rank in range(size)]
    assert list(chain(*shares)) == list(range(n))
    assert all(share[0] % 3 == 0 for share in shares if share)
    pieces = [-(-len(share) // 3) for share in shares]
    assert max(pieces) - min(pieces) <= 1


def test_an_exchange_keeps_the_sign_of_zero() -> None:
    def exchange(world: World) -> bytes:
        terms = torch.zeros(2, 1)
        terms[world.rank] = -0.0
        world.exchange(terms)
        return terms.numpy().tobytes()

    results, _ = in_ranks(exchange, [1, 1])
    assert results == [np.full(2, -0.0, np.float32).tobytes()] * 2


def start(**environment: str) -> Process:
    """Starts the train stage as dvc.yaml does, with environment variables for torchrun."""
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train", "train", "test", *OUTPUTS],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_two_nodes(processes: int) -> list[Process]:
    """Starts the train stage on two nodes with so many processes each, all on this machine."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    many = {"PET_NNODES": "2", "PET_RDZV_ENDPOINT": address, "PET_NPROC_PER_NODE": str(processes)}
    return [start(PET_NODE_RANK=str(rank), OMP_NUM_THREADS="2", **many) for rank in range(2)]


def finish(*processes: Process) -> tuple[str, list[bytes]]:
    """What the processes print, and the bytes of their outputs."""
    printed = "".join(process.communicate(timeout=600)[0] for process in processes)
    assert not any(process.returncode for process in processes), printed
    return printed, [Path(name).read_bytes() for name in OUTPUTS]


@pytest.mark.slow
def test_more_processes_than_pieces_give_the_bytes_of_one_process(folder: Path) -> None:
    make_samples(SMALL)
    expected = train()
    printed, outputs = finish(start(PET_NPROC_PER_NODE="2"))
    assert outputs == expected
    assert printed.count("end: weight") == 1


@pytest.mark.all
@pytest.mark.parametrize(("batch_size", "processes"), [(0, 1), (300_000, 2)])
def test_a_killed_training_resumes_on_other_nodes_processes_and_threads_with_the_same_bytes(
    folder: Path, batch_size: int, processes: int
) -> None:
    settings = {**LARGE, "train.epochs": 60, "train.batch_size": batch_size}
    make_samples(settings)
    expected = train()
    for name in OUTPUTS:
        Path(name).unlink()
    write_params({**settings, "train.checkpoint_every": 10})
    with start(OMP_NUM_THREADS="3") as process:
        limit = time.monotonic() + 60
        while not Path("model.checkpoint").exists() and time.monotonic() < limit:
            time.sleep(0.01)
        process.kill()
    assert not Path("model").exists()
    printed, outputs = finish(*start_two_nodes(processes))
    assert outputs == expected
    assert "resuming after" in printed


@pytest.mark.all
def test_a_nan_in_one_share_gives_one_error_line_and_no_output(folder: Path) -> None:
    make_samples(SMALL)
    X, y, info = tensors.load_samples(Path("train"))
    X, y = X.copy(), y.copy()  # not mapped from the file that is written
    y[-1] = np.nan
    save_file({"X": X, "y": y}, "train", encode(info))
    process = start(PET_NPROC_PER_NODE="2")
    assert process.communicate(timeout=600)[0] == (
        "train: train: y: wanted finite numbers, got nan or inf\n"
    )
    assert process.returncode == 1
    assert not any(Path(name).exists() for name in OUTPUTS)


def interrupt(process: Process) -> None:
    process.send_signal(signal.SIGINT)


def kill_second(process: Process) -> None:
    """Kills the second of the processes that this torchrun has started."""
    children = psutil.Process(process.pid).children()
    (second,) = [child for child in children if child.environ().get("RANK") == "1"]
    second.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("processes", "act", "error"),
    [
        pytest.param("", interrupt, "interrupted\n", marks=pytest.mark.slow),
        pytest.param("2", interrupt, "interrupted\n", marks=pytest.mark.all),
        pytest.param("2", kill_second, "process 1 failed: Signal 9", marks=pytest.mark.all),
    ],
)
def test_ctrl_c_or_a_killed_process_ends_all_with_one_error_line_and_no_output(
    folder: Path, processes: str, act: Callable[[Process], None], error: str
) -> None:
    make_samples({**LARGE, "train.epochs": 10**6, "train.eval_every": 200})
    several = {"PET_NPROC_PER_NODE": processes} if processes else {}
    with start(OMP_NUM_THREADS="3", **several) as process:
        assert process.stdout is not None
        for printed in process.stdout:
            if printed.startswith("  200"):
                break
        act(process)
        *_, last = process.stdout
    assert process.returncode == 1
    assert last.startswith(f"train: {error}")
    assert not any(Path(name).exists() for name in OUTPUTS)
