"""Saves the state of a training; a killed training resumes from it and gives the same bytes."""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.core.files import digest, replacing, stamp
from plumbline.history import Epoch
from plumbline.training.world import World


class Checkpoint:
    """The state of one training, in a file next to the model; DVC does not track the file.

    settings: all values that affect the result, except the data; each is compared by its repr.
    every: epochs from one save to the next; if 0, a save is never due.
    """

    def __init__(
        self, model_path: Path, settings: Iterable[object], data: Iterable[Path], every: int
    ) -> None:
        self.path = model_path.with_name(model_path.name + ".checkpoint")
        self.settings, self.every = list(settings), every
        self.data = {path: stamp(path) for path in data}

    def resume(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        order: torch.Generator,
        world: World,
    ) -> tuple[int, list[Epoch]]:
        """Loads the saved state; returns the number of completed epochs, and their rows.

        Without a file of this training, it returns 0 and no rows. Later, `save` writes the state of
        this model, optimizer and order. UserError unless all processes find the same file.
        """
        self.model, self.optimizer, self.order, self.rank = model, optimizer, order, world.rank
        tensors, metadata = self._load()
        done = int(metadata.get("done", 0))
        if not world.agree(done):
            raise UserError("the checkpoint is not in a folder that all processes share; remove it")
        if not done:
            return 0, []
        order.set_state(tensors.pop("order"))
        weights, state = model.state_dict(), optimizer.state_dict()
        for name, value in tensors.items():
            if name.startswith("model."):
                weights[name.removeprefix("model.")] = value
            else:
                _, number, key = name.split(".", 2)
                state["state"].setdefault(int(number), {})[key] = value
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        print(f"{self.path}: resuming after {done} epochs")
        return done, msgspec.json.decode(metadata["rows"], type=list[Epoch])

    def save_if_due(self, done: int, rows: list[Epoch]) -> None:
        """In process 0, saves the state after the first `done` epochs if a save is due."""
        if self.every and done % self.every == 0 and not self.rank:
            self.save(done, rows)

    def save(self, done: int, rows: list[Epoch]) -> None:
        """Writes the state after the first `done` epochs, and the rows of these epochs."""
        tensors = {"order": self.order.get_state()}
        tensors |= {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for n, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{n}.{name}": v for name, v in state.items() if v is not None}
        # Copies, because the format refuses tensors that share memory, such as tied weights.
        tensors = {name: value.cpu().contiguous().clone() for name, value in tensors.items()}
        metadata = {"done": str(done), "rows": msgspec.json.encode(rows).decode()}
        with replacing(self.path) as partial:
            save_file(tensors, partial, {"fingerprint": self._fingerprint, **metadata})

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def _load(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The tensors and the metadata; empty unless the file is intact and of this training."""
        if not self.path.is_file():
            return {}, {}
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("fingerprint") == self._fingerprint:
                    return file.get_tensors(), metadata
        except SafetensorError:
            pass
        print(f"{self.path}: damaged or from a different training; starting from the beginning")
        return {}, {}

    @cached_property
    def _fingerprint(self) -> str:
        for path, found in self.data.items():
            if stamp(path) != found:
                raise UserError(f"{path}: replaced while the stage ran; run `dvc repro` again")
        return fingerprint(self.settings, self.data)


def fingerprint(settings: Iterable[object], data: Iterable[Path]) -> str:
    """SHA-256 of torch's version, the settings and the files, in hexadecimal digits."""
    parts = [torch.__version__, *settings, *(digest(path, "sha256") for path in data)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
