"""The device that is measured, and `tell`, which prints and stores its results."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

GPU = torch.accelerator.current_accelerator(check_available=True)
DEVICE = GPU or torch.device("cpu")
OUT = Path(os.environ.get("OUT") or tempfile.gettempdir())

MILLION = 10**6


def tell(what: str, **values: Any) -> None:
    """Prints a result, and appends it to gpu.jsonl as one line of JSON."""
    print(what, *(f"{key}={value}" for key, value in values.items()), sep="  ", flush=True)
    with (OUT / "gpu.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"what": what, **values}) + "\n")
