"""A temporary folder in which the stages run, and the numbers in their outputs."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.results import tell
from plumbline.core import tensors
from tests.support.exercise import GATE, ROOT, STAGES, write_params

Changes = dict[str, Any]


class Project:
    """A temporary folder in which the stages run with the commands of dvc.yaml."""

    def __init__(self, changes: Changes) -> None:
        self.kept = tempfile.TemporaryDirectory()
        self.folder = Path(self.kept.name)
        self.changes = changes
        (self.folder / "gate.yaml").write_text(GATE)
        self.run("generate")
        self.run("split")

    def start(self, stage: str, device: str, **environment: str) -> "subprocess.Popen[str]":
        write_params({**self.changes, "device": device}, self.folder)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [sys.executable, *STAGES[stage].cmd[1:]],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, stage: str, device: str = "auto", **environment: str) -> str:
        """Runs a stage, and returns its output; prints a failure of any stage except `verify`."""
        process = self.start(stage, device, **environment)
        said, _ = process.communicate()
        if process.returncode and stage != "verify":
            tell("failed", stage=stage, device=device, **environment, said=said[-1500:])
        return said

    def outs(self, *names: str) -> dict[str, Path]:
        """The existing outputs of these stages, by their paths in dvc.yaml."""
        paths = {out: self.folder / out for name in names for out in STAGES[name].outs}
        return {out: path for out, path in paths.items() if path.is_file()}

    def digest(self) -> str:
        """The start of the SHA-256 of all outputs of `train`, or "missing" if there are none."""
        content = [path.read_bytes() for path in self.outs("train").values()]
        return hashlib.sha256(b"".join(content)).hexdigest()[:12] if content else "missing"


def numbers(path: Path) -> NDArray[np.float64]:
    """All numbers in a file, in their order; for a picture, its bytes."""
    if path.suffix == ".png":
        return np.fromfile(path, np.uint8).astype(np.float64)
    if path.suffix == ".safetensors":
        arrays, _ = tensors.load(path)
        return np.concatenate([array.ravel() for array in arrays.values()], dtype=np.float64)
    found = re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", path.read_text(encoding="utf-8"))
    return np.array(found, dtype=np.float64)
