"""Measures the time and memory of a command in a clone of this project."""

import os
import shlex
import subprocess
import sys
import time

from tests.support.clone import Clone


def measure(command: list[str], clone: Clone, **environment: str) -> tuple[float, int]:
    """Seconds and peak memory in MB of a command; exits with an error if the command fails."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=clone.path,
        env={**clone.environment, **environment},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{shlex.join(command)}: status {status}")
    return time.perf_counter() - start, usage.ru_maxrss // 1024
