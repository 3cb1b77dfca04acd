"""Several processes give the same bytes as one; if one dies, the stage fails with one line."""

import os
import signal
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from plumbline.core.tensors import encode
from plumbline.training.world import World, cause
from tests.support.exercise import INFO, ROOT
from tests.support.models import OUTPUTS, make_samples, train

Process = subprocess.Popen[str]

LARGE = {"generate.step": 1 / 700_000, "generate.noise": 0.1}  # 3 training pieces, 1 testing piece
TWO = {"PET_NPROC_PER_NODE": "2"}

ERROR, LOST = (1, "", ["train: no data", "aborted"]), (1, "", ["RuntimeError: Connection closed"])
KILLED, ENDED = (-9, "Signal 9 (SIGKILL)", [""]), (-15, "Signal 15 (SIGTERM)", [""])
INTERRUPTED, SIGINT = (1, "", ["train: interrupted"]), (-2, "Signal 2 (SIGINT)", [""])


@pytest.mark.parametrize(
    ("ends", "line"),
    [
        ((INTERRUPTED, LOST, ERROR, KILLED), "no data"),
        ((ENDED, INTERRUPTED, LOST, SIGINT, KILLED), "process 4 failed: Signal 9 (SIGKILL)"),
        ((ENDED, INTERRUPTED, LOST), "process 2 failed: RuntimeError: Connection closed"),
        ((INTERRUPTED, ENDED), "interrupted"),
    ],
)
def test_the_cause_is_an_error_or_else_a_signal_or_else_a_lost_connection(
    ends: tuple[tuple[int, str, list[str]], ...], line: str
) -> None:
    """Torchrun ends the remaining processes by a signal, so their interruption is not the cause."""
    assert cause("train", dict(enumerate(ends))) == line


@pytest.mark.parametrize(("n", "size"), [(1, 1), (1, 3), (6, 2), (7, 2), (100, 7)])
def test_the_shares_cover_all_rows_in_order_and_are_whole_pieces(n: int, size: int) -> None:
    shares = [list(range(n))[World(rank, size).rows(n, 3)] for rank in range(size)]
    assert list(chain(*shares)) == list(range(n))
    assert all(share[0] % 3 == 0 for share in shares if share)
    pieces = [-(-len(share) // 3) for share in shares]
    assert max(pieces) - min(pieces) <= 1


def start(environment: dict[str, str]) -> Process:
    """Starts the train stage as dvc.yaml does, with environment variables for torchrun."""
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train", "train", "test", *OUTPUTS],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def two_nodes() -> list[dict[str, str]]:
    """The variables of two nodes, both on this machine."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        many = {"PET_NNODES": "2", "PET_RDZV_ENDPOINT": f"localhost:{free.getsockname()[1]}"}
    return [{**many, "PET_NODE_RANK": rank} for rank in "01"]


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, pytest.param(2, marks=pytest.mark.all)])
def test_two_processes_give_the_same_bytes_as_one(folder: Path, nodes: int) -> None:
    """One process has no testing samples, and one has two of the three training pieces."""
    make_samples({**LARGE, "train.epochs": 5})
    expected = train()
    started = [start(environment) for environment in ([TWO] if nodes == 1 else two_nodes())]
    printed = "".join(process.communicate(timeout=300)[0] for process in started)
    assert not any(process.returncode for process in started), printed
    assert [Path(name).read_bytes() for name in OUTPUTS] == expected
    assert printed.count("end: weight") == 1


def last_lines(process: Process) -> list[str]:
    """The remaining lines of the process; asserts that it fails and leaves no output."""
    lines = [*(process.stdout or ())]
    assert process.wait() == 1
    assert not any(Path(name).exists() for name in OUTPUTS)
    return lines


@pytest.mark.all
def test_a_nan_in_one_share_gives_one_error_line_and_no_output(folder: Path) -> None:
    make_samples({})
    samples = load_file("train")
    samples["y"][-1] = torch.nan
    save_file(samples, "train", encode(INFO))
    with start(TWO) as process:
        assert last_lines(process) == ["train: train: y: wanted finite numbers, got nan or inf\n"]


def worker(process: Process) -> psutil.Process:
    """The process with RANK 1 that this torchrun has started."""
    children = psutil.Process(process.pid).children()
    (second,) = [child for child in children if child.environ().get("RANK") == "1"]
    return second


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("processes", "killed", "error"),
    [
        pytest.param({}, False, "interrupted\n", marks=pytest.mark.slow),
        pytest.param(TWO, False, "interrupted\n", marks=pytest.mark.all),
        pytest.param(TWO, True, "process 1 failed: Signal 9", marks=pytest.mark.all),
    ],
)
def test_ctrl_c_or_a_killed_process_ends_all_processes_with_one_error_line_and_no_output(
    folder: Path, processes: dict[str, str], killed: bool, error: str
) -> None:
    make_samples({**LARGE, "train.epochs": 10**6, "train.eval_every": 200})
    with start({"OMP_NUM_THREADS": "3", **processes}) as process:
        next(line for line in process.stdout or () if line.startswith("  200"))
        worker(process).kill() if killed else process.send_signal(signal.SIGINT)
        assert last_lines(process)[-1].startswith(f"train: {error}")
