"""Several processes give the result of one; if one dies, the stage fails with one line."""

import os
import signal
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from plumbline import history
from plumbline.core import tensors
from plumbline.core.metadata import encode
from plumbline.model import line_of, load_model
from plumbline.training.parallel import World, cause
from stages import generate, split, train
from tests.support.exercise import ROOT, run_stage, write_params

OUTPUTS = ["model", "predictions", "history"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 5, 6, 100])
def test_the_shares_cover_all_rows_in_order_and_differ_by_at_most_one(n: int, size: int) -> None:
    shares = [list(range(n))[World(rank, size).rows(n)] for rank in range(size)]
    assert list(chain(*shares)) == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


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


def results(*outputs: str) -> tuple[tuple[float, float], list[list[float]], list[list[float]]]:
    """The weight and bias, the history and the predictions."""
    model, predictions, rows = map(Path, outputs)
    predicted = np.concatenate([*tensors.load(predictions)[0].values()])
    return (
        line_of(load_model(model)) or (0, 0),
        [list(row[:5]) for row in history.load(rows)],
        predicted.tolist(),
    )


def assert_close(some: tuple[object, ...], other: tuple[object, ...]) -> None:
    for left, right in zip(some, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "batch_size"), [("2", None), ("3", 7)])
def test_several_processes_give_the_result_of_one_process(
    data: Path, processes: str, batch_size: int | None
) -> None:
    write_params({"train.epochs": 5, "train.eval_every": 1, "train.batch_size": batch_size})
    run_stage(train, "train", "test", *OUTPUTS)
    outputs = [f"{name}-{processes}" for name in OUTPUTS]
    process = start(*outputs, PET_NPROC_PER_NODE=processes)
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    assert printed.count("end: weight") == 1
    assert_close(results(*outputs), results(*OUTPUTS))


@pytest.mark.slow
def test_two_nodes_give_the_result_of_one_process(data: Path) -> None:
    run_stage(train, "train", "test", *OUTPUTS)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        endpoint = f"localhost:{free.getsockname()[1]}"
    outputs = [f"{name}-2" for name in OUTPUTS]
    nodes = [
        start(*outputs, PET_NNODES="2", PET_NODE_RANK=rank, PET_RDZV_ENDPOINT=endpoint)
        for rank in ("0", "1")
    ]
    for node in nodes:
        printed, _ = node.communicate(timeout=600)
        assert node.returncode == 0, printed
    assert_close(results(*outputs), results(*OUTPUTS))


@pytest.mark.slow
def test_a_nan_in_one_share_gives_one_error_line_and_no_output(data: Path) -> None:
    X, y, info = tensors.load_samples(Path("train"))
    y[-1] = np.nan
    save_file({"X": X, "y": y}, "train", encode(info))
    process = start(*OUTPUTS, PET_NPROC_PER_NODE="2")
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert printed == "train: train: y: wanted finite numbers, got nan or inf\n"
    assert not any(Path(name).exists() for name in OUTPUTS)


@pytest.mark.slow
def test_a_killed_process_ends_the_stage_with_one_error_line_and_no_output(data: Path) -> None:
    write_params({"train.epochs": 10**7, "train.eval_every": 2000})
    with start(*OUTPUTS, PET_NPROC_PER_NODE="2") as process:
        assert process.stdout is not None
        for printed in process.stdout:
            if printed.startswith(" 2000"):
                break
        os.kill(child_with_rank(process.pid, 1), signal.SIGKILL)
        *_, last = process.stdout
    assert process.returncode == 1
    assert last.startswith("train: process 1 failed: Signal 9 (SIGKILL) received")
    assert not any(Path(name).exists() for name in OUTPUTS)


def child_with_rank(parent: int, rank: int) -> int:
    """The id of the process that the torchrun agent `parent` started with this RANK."""
    (child,) = (
        child
        for child in psutil.Process(parent).children()
        if child.environ().get("RANK") == str(rank)
    )
    return child.pid
