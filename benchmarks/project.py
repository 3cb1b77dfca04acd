"""A copy of this project to measure in, and what a command there takes."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


def copy(path: Path) -> Path:
    """A copy of this project, without its cache, in a git repository at `path`."""
    ignored = shutil.ignore_patterns(".git", ".venv", "cache", "tmp", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, path, ignore=ignored)
    commit(path)
    return path


def commit(project: Path) -> None:
    """Lets git know all files, as DVC wants it to."""
    for command in (["init"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=project, check=True, capture_output=True)


def change(project: Path, params: dict[str, Any]) -> None:
    """Writes `params`, {"train.lr": 0.02}, to params.yaml."""
    path = project / "params.yaml"
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in params.items():
        section, _, name = key.partition(".")
        sections[section][name] = value
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")


def run(command: list[str], project: Path, **environment: str) -> tuple[float, int]:
    """Seconds, and peak memory in MB, of a command that has to succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{shlex.join(command)}: status {status}")
    return time.perf_counter() - start, usage.ru_maxrss // 1024
