"""Compares a GPU's results and speed with the CPU's, in at most ten minutes.

Usage: python -m benchmarks.gpu [SECTION]...

Each section has its own process and time limit. Each result is printed immediately, and appended to
gpu.jsonl in $OUT or the temporary folder. Without a GPU, the CPU runs all, some on fewer samples.
"""

import os
import signal
import subprocess
import sys
import time

from benchmarks.gpu import same, speed
from benchmarks.gpu.results import GPU, tell

# The sections in the order in which they run, each with its limit in seconds.
SECTIONS = {
    speed.packages: 60,
    same.stages: 120,
    same.tests: 60,
    speed.small: 90,
    speed.throughput: 150,
    speed.profile: 30,
    speed.features: 40,
    same.runs: 120,
    same.deterministic: 40,
    same.rows: 20,
    same.backends: 40,
}
SECONDS = 540  # limit of all sections together
REHEARSAL = 5  # without a GPU, the limits are this many times longer


def run(name: str, limit: float) -> None:
    """Runs a section in its own process; at the limit, ends that process and its children."""
    start = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.gpu", "--alone", name]
    process = subprocess.Popen(command, start_new_session=True)
    status: int | str
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        status = "out of time"
        os.killpg(process.pid, signal.SIGTERM)  # torchrun then ends its workers
        time.sleep(3)
        os.killpg(process.pid, signal.SIGKILL)
    tell("section", name=name, status=status, seconds=round(time.monotonic() - start, 1))


def main(names: list[str]) -> None:
    factor = 1 if GPU else REHEARSAL
    end = time.monotonic() + factor * SECONDS
    for section, limit in SECTIONS.items():
        if not names or section.__name__ in names:
            run(section.__name__, max(min(factor * limit, end - time.monotonic()), 1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        sections = {section.__name__: section for section in [*SECTIONS, same.rank]}
        sections[sys.argv[2]]()
    else:
        main(sys.argv[1:])
