"""One training process against two.

Usage: python -m benchmarks.processes

10 million samples. Each way is the whole train stage, once with 20 epochs and once with 120; the
figure is the difference over 100 epochs, so that start and end do not count.
"""

import statistics
import tempfile
from pathlib import Path

from benchmarks.project import change, copy, run
from plumbline.pipeline.declared import read

SAMPLES, FEW, MANY, RUNS = 10**7, 20, 120, 3


def seconds(project: Path, epochs: int, environment: dict[str, str]) -> float:
    """Seconds of the train stage."""
    change(project, {"train.epochs": epochs, "train.eval_every": epochs})
    return run(read(project)["train"].cmd, project, **environment)[0]


def main() -> None:
    ways: dict[str, dict[str, str]] = {
        "one process": {},
        "two processes": {"PET_NPROC_PER_NODE": "2"},
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        project = copy(Path(folder) / "project")
        change(project, {"generate.step": 1 / SAMPLES})
        run(["dvc", "repro", "--quiet", "split"], project)
        for _ in range(RUNS):
            for name, environment in ways.items():
                few, many = (seconds(project, n, environment) for n in (FEW, MANY))
                times[name].append((many - few) / (MANY - FEW) * 1e3)
    print("| training of 10 million samples | ms per epoch |")
    print("|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.1f} |")


if __name__ == "__main__":
    main()
