"""A command run under Python's audit hook, which sees the files and addresses that Python opens.

The hook does not see native code. That is why a stage runs in an isolated copy, in which native
code finds no file that is not declared.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import source_from_cache
from pathlib import Path
from typing import NamedTuple

HOOK = Path(__file__).parent / "hook" / "sitecustomize.py"


class Trace(NamedTuple):
    """How a command ended, the absolute paths that it tried to read or to write, and addresses."""

    status: int
    last_line: str
    read: set[Path]
    written: set[Path]
    network: set[str]


def run(command: list[str], folder: Path, log: Path) -> Trace:
    """Runs the command in the folder under the audit hook, which writes to the folder `log`."""
    shutil.copy(HOOK, log)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(log),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUDIT": str(log / "audit"),
    }
    # The command is the project's own, as dvc.yaml has it.
    done = subprocess.run(  # noqa: S603
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    lines = done.stderr.decode(errors="replace").splitlines()
    trace = Trace(done.returncode, lines[-1] if lines else "", set(), set(), set())
    for line in (log / "audit").read_text(encoding="utf-8").splitlines():
        event, *arguments = json.loads(line)
        if event == "open":
            name, _, flags = arguments
            writes = int(flags) & (os.O_WRONLY | os.O_RDWR)
            path = Path(os.path.normpath(folder / _source(name)))
            (trace.written if writes else trace.read).add(path)
        else:
            trace.network.add(f"{event} {' '.join(arguments[1:])}")
    return trace


def _source(name: str) -> str:
    """The script that a file of bytecode was made from; any other file is its own source."""
    return source_from_cache(name) if "__pycache__" in name and name.endswith(".pyc") else name
