"""The checkpoint of a training: a killed one resumes from it and ends with the same bytes."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from plumbline.core.command import script_digests
from plumbline.core.files import replacing
from plumbline.history import Row


def checkpoint_path(model: Path) -> Path:
    """Path next to the model; it is not declared, so DVC ignores it."""
    return model.with_name(model.name + ".checkpoint")


def fingerprint(settings: Iterable[object], data: Iterable[Path]) -> str:
    """SHA-256 of the settings, the data and the project's code, in hexadecimal digits."""
    digest = hashlib.sha256(repr([torch.__version__, *settings]).encode())
    digest.update(repr(sorted(script_digests().values())).encode())
    for path in data:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@dataclass
class Checkpoint:
    """The state of one training, which `fingerprint` identifies, saved every `every` epochs."""

    path: Path
    fingerprint: str
    every: int
    rows: list[Row] = field(default_factory=list)

    def save(
        self, done: int, model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator
    ) -> None:
        """Writes the state after the first `done` epochs."""
        tensors = {
            "done": torch.tensor(done),
            "rows": torch.tensor([_numbers(row) for row in self.rows], dtype=torch.float64),
            "order": order.get_state(),
        }
        tensors |= {f"model.{name}": value for name, value in model.state_dict().items()}
        for n, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{n}.{name}": v for name, v in state.items() if v is not None}
        tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
        with replacing(self.path) as partial:
            save_file(tensors, partial, {"fingerprint": self.fingerprint})

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator
    ) -> int:
        """Loads the saved state and returns the number of epochs that are done.

        Without a file of this training, the result is 0 and nothing changes.
        """
        if not self.path.is_file():
            return 0
        try:
            with safe_open(self.path, framework="pt") as file:
                tensors: dict[str, Tensor] = file.get_tensors()
                found = (file.metadata() or {}).get("fingerprint")
        except SafetensorError:
            found = None
        if found != self.fingerprint:
            print(f"{self.path}: damaged or of another training; starting from the beginning")
            return 0
        order.set_state(tensors["order"])
        self.rows = [_row(numbers) for numbers in tensors["rows"].tolist()]
        state = optimizer.state_dict()
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind == "optimizer":
                number, _, key = rest.partition(".")
                state["state"].setdefault(int(number), {})[key] = value
        optimizer.load_state_dict(state)
        model.load_state_dict(
            {n.removeprefix("model."): v for n, v in tensors.items() if n.startswith("model.")}
        )
        done = int(tensors["done"])
        print(f"{self.path}: resuming after {done} epochs")
        return done


def _numbers(row: Row) -> list[float]:
    return [math.nan if number is None else number for number in row]


def _row(numbers: list[float]) -> Row:
    epoch, *rest = numbers
    return Row(int(epoch), *(None if math.isnan(number) else number for number in rest))  # type: ignore[arg-type]
