"""The checkpoint of a training, from which a killed one goes on to the same bytes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from plumbline.core import scripts
from plumbline.core.files import replacing
from plumbline.history import Row


def beside(model: Path) -> Path:
    """Where it lies: beside an output, where DVC neither deletes it nor takes it for a result."""
    return model.with_name(model.name + ".checkpoint")


def identity(settings: Iterable[object], data: Iterable[Path]) -> bytes:
    """What no two trainings share that differ in settings, in data, or in the project's code."""
    digest = hashlib.sha256(repr([torch.__version__, *settings]).encode())
    digest.update(repr(sorted(scripts.digests().values())).encode())
    for path in data:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()


@dataclass
class Checkpoint:
    """What a training has come to, kept in a file after each `every` epochs."""

    path: Path
    identity: bytes
    every: int
    rows: list[Row] = field(default_factory=list)

    def save(
        self, done: int, model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator
    ) -> None:
        """Writes all that the epochs after the first `done` need."""
        tensors = {
            "done": torch.tensor(done),
            "rows": torch.tensor(self.rows, dtype=torch.float64).reshape(-1, len(Row._fields)),
            "order": order.get_state(),
        }
        tensors |= {f"model.{name}": value for name, value in model.state_dict().items()}
        for number, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{number}.{name}"] = value
        tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
        with replacing(self.path) as partial:
            save_file(tensors, partial, {"seal": self._seal(tensors)})

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator
    ) -> int:
        """How many epochs are done; 0, and nothing is changed, without a file of this training."""
        if not self.path.is_file():
            return 0
        try:
            with safe_open(self.path, framework="pt") as file:
                tensors: dict[str, Tensor] = file.get_tensors()
                seal = (file.metadata() or {}).get("seal")
        except SafetensorError:
            tensors, seal = {}, None
        if seal != self._seal(tensors):
            print(f"{self.path}: damaged or of another training, so this one starts anew")
            return 0
        order.set_state(tensors["order"])
        numbers = tensors["rows"].tolist()
        self.rows = [Row(int(epoch), *rest) for epoch, *rest in numbers]
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
        print(f"{self.path}: goes on after {done} epochs")
        return done

    def _seal(self, tensors: dict[str, Tensor]) -> str:
        """What fits this content of this training alone."""
        digest = hashlib.sha256(self.identity)
        for name, value in sorted(tensors.items()):
            digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.numpy().tobytes())
        return digest.hexdigest()
