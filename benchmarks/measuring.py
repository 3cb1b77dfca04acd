"""Measures the time and memory of a command in a clone of this project."""

import shlex
import subprocess
import sys

from tests.support.clone import Clone

# A small process starts the command: Linux counts the starting process's memory as the command's.
CODE = """
import resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
print(status, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def measure(command: list[str], clone: Clone, **environment: str) -> tuple[float, int]:
    """Seconds and peak memory in MB of a command; exits with an error if the command fails."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", CODE, *command],
        cwd=clone.path,
        env={**clone.environment, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    status, seconds, kilobytes = done.stdout.split()
    if int(status):
        sys.exit(f"{shlex.join(command)}: status {int(status)}")
    return float(seconds), int(kilobytes) // 1024
