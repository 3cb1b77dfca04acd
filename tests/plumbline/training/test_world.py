"""Several processes give the bytes of one; if one dies, the stage fails with one line."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from plumbline.core import tensors
from plumbline.core.tensors import encode
from plumbline.training.world import World, cause
from stages import generate, split, train
from stages.loop import OPTIMIZERS
from stages.losses import LOSSES
from tests.support.exercise import ROOT, run_stage, write_params

OUTPUTS = ["model", "predictions", "history"]


def test_a_stage_error_outranks_a_signal_and_a_signal_outranks_a_lost_connection() -> None:
    lost = (1, "", "RuntimeError: Connection closed by peer")
    killed, ended = (-9, "Signal 9 (SIGKILL)", "ignored"), (-15, "Signal 15 (SIGTERM)", "ignored")
    assert cause("train", {0: lost, 1: (1, "", "train: no data"), 2: killed}) == "no data"
    assert cause("train", {0: ended, 1: lost, 2: killed}) == "process 2 failed: Signal 9 (SIGKILL)"
    assert cause("train", {0: ended, 1: lost}) == f"process 1 failed: {lost[2]}"


def test_a_process_that_torchrun_interrupted_is_not_the_cause() -> None:
    interrupted = (1, "", "train: interrupted")
    killed, lost = (-9, "Signal 9 (SIGKILL)", ""), (1, "", "RuntimeError: Connection closed")
    assert cause("train", {0: interrupted, 1: killed}) == "process 1 failed: Signal 9 (SIGKILL)"
    assert cause("train", {0: interrupted, 1: lost}) == f"process 1 failed: {lost[2]}"
    assert cause("train", {0: interrupted, 1: (1, "", "train: no data")}) == "no data"
    assert cause("train", {0: interrupted}) == "interrupted"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 5, 6, 7, 100])
def test_the_shares_cover_all_rows_in_order_and_are_whole_pieces(n: int, size: int) -> None:
    shares = [list(range(n))[World(rank, size).rows(n, 3)] for rank in range(size)]
    assert list(chain(*shares)) == list(range(n))
    assert all(share[0] % 3 == 0 for share in shares if share)
    pieces = [-(-len(share) // 3) for share in shares]
    assert max(pieces) - min(pieces) <= 1


@pytest.fixture
def data(folder: Path) -> Path:
    """Writes 101 samples, a number that neither 2 nor 3 divides, and sets 5 epochs."""
    write_params({"generate.end": 1.01, "train.epochs": 5, "train.eval_every": 1})
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")
    return folder


def start(*outputs: str, **environment: str) -> "subprocess.Popen[str]":
    """Starts the train stage as dvc.yaml does, with environment variables for torchrun."""
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train", "train", "test", *outputs],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def bytes_of(outputs: list[str]) -> list[bytes]:
    return [Path(name).read_bytes() for name in outputs]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processes", "batch_size"), [("2", None), pytest.param("3", 7, marks=pytest.mark.all)]
)
def test_more_processes_than_pieces_give_the_bytes_of_one_process(
    data: Path, processes: str, batch_size: int | None
) -> None:
    write_params({"train.epochs": 5, "train.eval_every": 1, "train.batch_size": batch_size})
    run_stage(train, "train", "test", *OUTPUTS)
    expected = bytes_of(OUTPUTS)
    process = start(*OUTPUTS, PET_NPROC_PER_NODE=processes)
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    assert printed.count("end: weight") == 1
    assert bytes_of(OUTPUTS) == expected


@pytest.fixture
def large_data(folder: Path) -> Path:
    """Writes 3 pieces of noisy training data and 1 of testing data."""
    write_params({"generate.step": 1 / 700_000, "generate.noise": 0.1})
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")
    return folder


def start_nodes(nodes: int, **environment: str) -> "list[subprocess.Popen[str]]":
    """Starts the train stage on so many nodes, all of them on this machine."""
    if nodes == 1:
        return [start(*OUTPUTS, **environment)]
    with socket.socket() as free:
        free.bind(("localhost", 0))
        environment["PET_RDZV_ENDPOINT"] = f"localhost:{free.getsockname()[1]}"
    return [
        start(*OUTPUTS, PET_NNODES=str(nodes), PET_NODE_RANK=str(rank), **environment)
        for rank in range(nodes)
    ]


def kill(process: "subprocess.Popen[str]") -> None:
    """Kills a process and those it started, which a killed torchrun would leave running."""
    for each in (*psutil.Process(process.pid).children(recursive=True), process):
        each.kill()
    process.communicate()


class Machines(NamedTuple):
    nodes: int
    processes: int  # of each node
    threads: int  # of each process

    def start(self) -> "list[subprocess.Popen[str]]":
        environment = {"OMP_NUM_THREADS": str(self.threads)}
        if self.processes > 1:
            environment["PET_NPROC_PER_NODE"] = str(self.processes)
        return start_nodes(self.nodes, **environment)


class Case(NamedTuple):
    settings: dict[str, Any]
    machines: Machines
    killed: Machines | None = None  # those that trained first, until they were killed


def draw(number: int) -> Case:
    choose = random.Random(number)  # noqa: S311
    machines, killed = (
        Machines(choose.choice([1, 1, 1, 2]), choose.choice([1, 2, 3, 5]), choose.choice([1, 2, 8]))
        for _ in range(2)
    )
    settings = {
        "train.loss": choose.choice(list(LOSSES)),
        "train.optimizer": choose.choice(list(OPTIMIZERS)),
        "train.batch_size": choose.choice([None, None, 300_000]),
    }
    return Case(settings, machines, choose.choice([None, killed]))


CASES = [
    Case({}, Machines(2, 1, 2), killed=Machines(1, 1, 3)),
    Case({"train.batch_size": 300_000}, Machines(1, 3, 1)),
    # `make test-all INVARIANCE=1000` draws more.
    *map(draw, range(int(os.environ.get("INVARIANCE", "0")) // 100)),
]


@pytest.mark.all
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_nodes_processes_and_threads_change_no_byte(large_data: Path, case: Case) -> None:
    settings, machines, killed = case
    write_params(settings)
    run_stage(train, "train", "test", *OUTPUTS)
    expected = bytes_of(OUTPUTS)
    for name in OUTPUTS:
        Path(name).unlink()
    write_params({**settings, "train.checkpoint_every": 10})
    if killed:
        nodes, kept, limit = killed.start(), Path("model.checkpoint"), time.monotonic() + 60
        while not kept.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        for node in nodes:
            kill(node)
        assert not Path("model").exists()
    nodes = machines.start()
    printed = "".join(node.communicate(timeout=600)[0] for node in nodes)
    assert [node.returncode for node in nodes] == [0] * len(nodes), printed
    assert ("resuming after" in printed) == bool(killed)
    assert bytes_of(OUTPUTS) == expected


@pytest.mark.all
def test_a_nan_in_one_share_gives_one_error_line_and_no_output(data: Path) -> None:
    X, y, info = tensors.load_samples(Path("train"))
    X, y = X.copy(), y.copy()  # not mapped from the file that is written
    y[-1] = np.nan
    save_file({"X": X, "y": y}, "train", encode(info))
    process = start(*OUTPUTS, PET_NPROC_PER_NODE="2")
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert printed == "train: train: y: wanted finite numbers, got nan or inf\n"
    assert not any(Path(name).exists() for name in OUTPUTS)


@pytest.mark.all
def test_a_killed_process_ends_the_stage_with_one_error_line_and_no_output(data: Path) -> None:
    write_params({"train.epochs": 10**7, "train.eval_every": 2000})
    with start(*OUTPUTS, PET_NPROC_PER_NODE="2") as process:
        assert process.stdout is not None
        for printed in process.stdout:
            if printed.startswith(" 2000"):
                break
        child_with_rank(process.pid, 1).kill()
        *_, last = process.stdout
    assert process.returncode == 1
    assert last.startswith("train: process 1 failed: Signal 9 (SIGKILL) received")
    assert not any(Path(name).exists() for name in OUTPUTS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    "environment", [{}, pytest.param({"PET_NPROC_PER_NODE": "2"}, marks=pytest.mark.all)], ids=str
)
def test_ctrl_c_ends_threads_and_processes_with_one_error_line(
    large_data: Path, environment: dict[str, str]
) -> None:
    write_params({"train.epochs": 10**6, "train.eval_every": 200})
    with start(*OUTPUTS, OMP_NUM_THREADS="3", **environment) as process:
        assert process.stdout is not None
        for printed in process.stdout:
            if printed.startswith("  200"):
                break
        process.send_signal(signal.SIGINT)
        *_, last = process.stdout
    assert process.returncode == 1
    assert last == "train: interrupted\n"
    assert not any(Path(name).exists() for name in OUTPUTS)


def child_with_rank(parent: int, rank: int) -> psutil.Process:
    """The process that the torchrun agent `parent` started with this RANK."""
    (child,) = (
        child
        for child in psutil.Process(parent).children()
        if child.environ().get("RANK") == str(rank)
    )
    return child
