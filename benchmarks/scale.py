"""Time and peak memory of each stage from 100 samples to 100 million, as a table and a picture.

Usage: python -m benchmarks.scale [LARGEST]

Each stage runs once for each size, in a process of its own, as DVC starts it; and once on 100
samples, whose memory is what its imports take. DVC's own part is `dvc commit`, which hashes the
files and copies them to the cache.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from matplotlib.figure import Figure

from benchmarks.pipeline import ROOT, make

EPOCHS = 20


def run(command: list[str], folder: Path, **environment: str) -> tuple[float, int]:
    """Seconds, and peak memory in MB, of a command."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{shlex.join(command)}: status {status}")
    return time.perf_counter() - start, usage.ru_maxrss // 1024


def measure(n: int, project: Path) -> dict[str, tuple[float, int]]:
    """Seconds and MB of each stage on n samples."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["generate"]["step"] = 1 / n
    params["train"].update(epochs=EPOCHS, eval_every=EPOCHS)
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    stages: dict[str, Any] = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    measured = {name: run(shlex.split(stage["cmd"]), project) for name, stage in stages.items()}
    measured["dvc"] = run(["dvc", "commit", "--force", "--quiet"], project)
    shutil.rmtree(project / ".dvc" / "cache", ignore_errors=True)
    return measured


def draw(results: dict[int, dict[str, tuple[float, int]]], path: Path) -> None:
    """Both figures against the number of samples, each axis logarithmic."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for place, (what, index) in enumerate({"seconds": 0, "peak memory, MB": 1}.items()):
        axes = figure.add_subplot(1, 2, place + 1, xlabel="samples", ylabel=what)
        for name in next(iter(results.values())):
            values = [measured[name][index] for measured in results.values()]
            axes.loglog(list(results), values, "o-", markersize=4, label=name)
        axes.grid(color="#DDDDDD")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def main(largest: int) -> None:
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        project = make(Path(folder) / "project")
        n = 100
        while n <= largest:
            results[n] = measure(n, project)
            cells = " | ".join(f"{s:.2f} s, {mb:,} MB" for s, mb in results[n].values())
            if n == 100:
                print("| samples | " + " | ".join(results[n]) + " |")
                print("|---" * (len(results[n]) + 1) + "|")
            print(f"| {n:,} | {cells} |", flush=True)
            n *= 10
    draw(results, Path(__file__).with_name("scale.png"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**8)
