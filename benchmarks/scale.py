"""Measures time and peak memory of each stage from 100 to 100 million samples; draws a picture.

Usage: python -m benchmarks.scale [LARGEST]

For each size, each stage runs three times in its own process; the fastest run is printed. Here,
`validate` trains one model, not 20. DVC's time is that of `dvc commit`, which hashes the files, and
copies or links them to the cache. A stage's limit is the time of three parts at the largest size:
its imports (taken as its time on 100 samples), reading its inputs and writing its outputs.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.measuring import measure
from plumbline.lint.declared import Stage, read
from tests.support.clone import Clone, make_clone

EPOCHS, RUNS = 20, 3
LEAST = 100

# DVC's setting in this project, and the setting that docs/large-data.md recommends.
CACHE_TYPES = {"dvc": "reflink,copy", "dvc, links": "hardlink,copy"}

Results = dict[str, tuple[float, int]]  # seconds and MB of each stage


def measure_stages(clone: Clone) -> Results:
    """Seconds and MB of each stage, and of DVC."""
    results = {
        name: min(measure_cold(stage.cmd, clone, stage.outs) for _ in range(RUNS))
        for name, stage in read(clone.path).items()
    }
    for name, kind in CACHE_TYPES.items():
        clone.run("dvc", "config", "--local", "cache.type", kind)
        commit = ["dvc", "commit", "--force", "--quiet"]
        results[name] = min(measure_cold(commit, clone) for _ in range(RUNS))
    return results


def measure_cold(command: list[str], clone: Clone, outs: Iterable[str] = ()) -> tuple[float, int]:
    """Seconds and MB of a command when DVC's cache is empty and no write to the disk is pending.

    Removes `outs` first, as DVC does before it runs a stage.
    """
    known = clone.path / "known"
    for folder in (clone.path / ".dvc" / "cache", known):
        shutil.rmtree(folder, ignore_errors=True)
    for path in outs:
        (clone.path / path).unlink(missing_ok=True)
    os.sync()
    return measure(command, clone, DVC_SITE_CACHE_DIR=str(known))


def seconds_to_read(path: Path, times: int) -> float:
    """Seconds to map a file into memory, and to read each of its bytes `times` times."""
    start = time.perf_counter()
    content = np.memmap(path, np.uint8)
    for _ in range(times):
        content.max()
    return time.perf_counter() - start


def seconds_to_write(path: Path, copy: Path) -> float:
    """Seconds to write a file's bytes to a new file."""
    content = np.fromfile(path, np.uint8)
    copy.unlink(missing_ok=True)
    os.sync()
    start = time.perf_counter()
    content.tofile(copy)
    return time.perf_counter() - start


def seconds_to_hash(path: Path) -> float:
    """Seconds to compute a file's MD5."""
    start = time.perf_counter()
    with path.open("rb") as file:
        hashlib.file_digest(file, "md5")
    return time.perf_counter() - start


def limit(stage: Stage, project: Path) -> float:
    """Seconds to read a stage's inputs (once per epoch if it trains) and to write its outputs."""
    times = EPOCHS if stage.name in ("train", "validate") else 1
    files = [project / path for path in stage.inputs]
    outs = [project / path for path in stage.outs]
    return sum(seconds_to_read(path, times) for path in files) + sum(
        seconds_to_write(path, project / "copy") for path in outs
    )


def limit_of_dvc(stages: dict[str, Stage], project: Path, copies: bool) -> float:
    """Seconds to hash all outputs and, if DVC copies them, to write them once more."""
    outs = [project / path for stage in stages.values() for path in stage.outs]
    hashing = sum(seconds_to_hash(path) for path in outs)
    return hashing + copies * sum(seconds_to_write(path, project / "copy") for path in outs)


def draw(results: dict[int, Results], path: Path) -> None:
    """Draws time and memory against the number of samples, on logarithmic axes."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for place, what in enumerate(("seconds", "peak memory, MB")):
        axes = figure.add_subplot(1, 2, place + 1, xlabel="samples", ylabel=what)
        for name in results[LEAST]:
            values = [measured[name][place] for measured in results.values()]
            axes.loglog(list(results), values, "o-", markersize=4, label=name)
        axes.grid(color="#DDDDDD")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(path, dpi=100)


def main(largest: int) -> None:
    results: dict[int, Results] = {}
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(Path(folder) / "clone")
        stages = read(clone.path)
        print("| samples | " + " | ".join([*stages, *CACHE_TYPES]) + " |")
        print("|---" * (1 + len(stages) + len(CACHE_TYPES)) + "|")
        n = LEAST
        while n <= largest:
            epochs = {"train.epochs": EPOCHS, "train.eval_every": EPOCHS, "train.last": 1}
            clone.set_params({"generate.step": 1 / n, "validate.repeats": 1, **epochs})
            results[n] = measure_stages(clone)
            cells = " | ".join(f"{s:.2f} s, {mb:,} MB" for s, mb in results[n].values())
            print(f"| {n:,} | {cells} |", flush=True)
            n *= 10
        limits = {
            name: min(limit(stage, clone.path) for _ in range(RUNS))
            for name, stage in stages.items()
        }
        for name, kind in CACHE_TYPES.items():
            copies = "reflink" in kind
            limits[name] = min(limit_of_dvc(stages, clone.path, copies) for _ in range(RUNS))
    print("\n| stage | seconds | limit, s | of which imports | ns per sample | limit, ns |")
    print("|---|---|---|---|---|---|")
    *_, (size, last) = results.items()
    for name, bytes_alone in limits.items():
        imports, taken = results[LEAST][name][0], last[name][0]
        each, least = ((s / size * 1e9) for s in (taken - imports, bytes_alone))
        print(
            f"| {name} | {taken:.2f} | {imports + bytes_alone:.2f} | {imports:.2f} "
            f"| {each:.1f} | {least:.1f} |"
        )
    draw(results, Path(__file__).with_name("scale.png"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**8)
