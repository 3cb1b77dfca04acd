"""What a command opens: seen by Python's audit hook, and by strace where there is one.

The hook is blind to native code, which opens safetensors; strace sees it too, but is Linux only.
Neither is asked whether a file was only looked for: Python looks for 18,000 when torch is imported.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOOK = Path(__file__).parent / "hook" / "sitecustomize.py"
STRACE = shutil.which("strace")
SYSCALLS = "trace=open,openat,openat2,creat,execve,connect,bind,sendto"
SYSCALL = re.compile(r'(\w+)\([^"]*"(?P<path>(?:[^"\\]|\\.)*)"(?P<rest>.*)')
ADDRESS = re.compile(r"(?:connect|bind|sendto)\(.*sa_family=AF_INET6?, .*")


class Trace(NamedTuple):
    """How a command ended, and the absolute paths that it tried to open, to read or to write."""

    status: int
    last_line: str
    opened: set[Path]
    written: set[Path]
    network: set[str]


def run(command: list[str], folder: Path, log: Path) -> Trace:
    """Runs the command in the folder; what is seen of it is kept in files in the folder `log`."""
    shutil.copy(HOOK, log)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(log),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUDIT": str(log / "audit"),
    }
    strace = [STRACE, "-ff", "--seccomp-bpf", "-e", SYSCALLS, "-o", f"{log}/strace"]
    # The command is the project's own, as dvc.yaml has it.
    done = subprocess.run(  # noqa: S603
        [*map(str, strace if STRACE else []), *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    lines = done.stderr.decode(errors="replace").splitlines()
    trace = Trace(done.returncode, lines[-1] if lines else "", set(), set(), set())
    for path, writes in [*_audited(log, trace.network), *_straced(log, trace.network)]:
        (trace.written if writes else trace.opened).add(Path(os.path.normpath(folder / path)))
    return trace


def _audited(log: Path, network: set[str]) -> Iterator[tuple[str, bool]]:
    """Each path and whether it was opened for writing; adds each address to `network`."""
    for line in (log / "audit").read_text(encoding="utf-8").splitlines():
        event, *arguments = json.loads(line)
        if event.startswith("socket."):
            network.add(f"{event} {' '.join(arguments[1:])}")
        elif event == "open":
            path, _, flags = arguments
            yield path, bool(int(flags) & (os.O_WRONLY | os.O_RDWR))
        else:
            yield arguments[0], False


def _straced(log: Path, network: set[str]) -> Iterator[tuple[str, bool]]:
    """Likewise."""
    for file in log.glob("strace.*"):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if ADDRESS.match(line):
                network.add(line)
            elif call := SYSCALL.match(line):
                yield call["path"], "O_WRONLY" in call["rest"] or "O_RDWR" in call["rest"]
