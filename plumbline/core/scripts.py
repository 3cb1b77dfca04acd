"""The project's own scripts that this process runs."""

import hashlib
import sys
from pathlib import Path


def digests() -> dict[Path, str]:
    """The SHA-256 of each script, by its path, as it is on disk now; "" for one that is gone."""
    modules = [
        m
        for name, m in sys.modules.items()
        if name.startswith(("stages.", "plumbline.", "__main__"))
    ]
    files = [getattr(module, "__file__", None) for module in modules]
    paths = sorted({Path(file).resolve() for file in files if file})
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in paths
    }
