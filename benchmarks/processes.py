"""Compares training with one thread, with two threads, and with two processes.

Usage: python -m benchmarks.processes

The data are 10 million samples. The script takes the difference between the times of `train` with
120 and with 20 epochs, and divides it by 100. This excludes the time to start and to end the stage.
"""

import statistics
import tempfile
from pathlib import Path

from benchmarks.measuring import measure
from plumbline.lint import declared
from tests.support.clone import Clone, make_clone

SAMPLES, FEW, MANY, RUNS = 10**7, 20, 120, 3


def set_epochs(clone: Clone, epochs: int) -> None:
    length = {"train.epochs": epochs, "train.eval_every": epochs, "train.last": 1}
    clone.set_params({"generate.step": 1 / SAMPLES, **length})


def seconds(clone: Clone, epochs: int, environment: dict[str, str]) -> float:
    """Seconds of `train` with this number of epochs."""
    set_epochs(clone, epochs)
    return measure(declared.read(clone.path)["train"].cmd, clone, **environment)[0]


def main() -> None:
    ways: dict[str, dict[str, str]] = {
        "one thread": {"OMP_NUM_THREADS": "1"},
        "two threads": {"OMP_NUM_THREADS": "2"},
        "two processes with one thread each": {"PET_NPROC_PER_NODE": "2", "OMP_NUM_THREADS": "1"},
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(Path(folder) / "clone")
        set_epochs(clone, FEW)
        measure(["dvc", "repro", "--quiet", "split"], clone)
        for _ in range(RUNS):
            for name, environment in ways.items():
                few, many = (seconds(clone, n, environment) for n in (FEW, MANY))
                times[name].append((many - few) / (MANY - FEW) * 1e3)
    print("| training on 8 of 10 million samples | ms per epoch |")
    print("|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.1f} |")


if __name__ == "__main__":
    main()
