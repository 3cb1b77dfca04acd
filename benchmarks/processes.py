"""One training process against two.

Usage: python -m benchmarks.processes

10 million samples. Each way is the whole train stage, once with 20 epochs and once with 120; the
figure is the difference over 100 epochs, so that start and end do not count.
"""

import shlex
import statistics
import tempfile
from pathlib import Path

import yaml

from benchmarks.pipeline import make
from benchmarks.scale import run

SAMPLES, FEW, MANY, RUNS = 10**7, 20, 120, 3


def write(project: Path, epochs: int) -> None:
    """Writes params.yaml."""
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    params["generate"]["step"] = 1 / SAMPLES
    params["train"].update(epochs=epochs, eval_every=epochs)
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def seconds(project: Path, epochs: int, **environment: str) -> float:
    """Seconds of the train stage."""
    write(project, epochs)
    command = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]["train"]["cmd"]
    return run(shlex.split(command), project, **environment)[0]


def main() -> None:
    ways = {"one process": {}, "two processes": {"PET_NPROC_PER_NODE": "2"}}
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        project = make(Path(folder) / "project")
        write(project, FEW)
        run(["dvc", "repro", "--quiet", "split"], project)
        for _ in range(RUNS):
            for name, environment in ways.items():
                few, many = (seconds(project, n, **environment) for n in (FEW, MANY))
                times[name].append((many - few) / (MANY - FEW) * 1e3)
    print("| training of 10 million samples | ms per epoch |")
    print("|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.1f} |")


if __name__ == "__main__":
    main()
