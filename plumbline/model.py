"""The models that can be trained, by name, and their state_dict on disk."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from plumbline.core import tensors

# Samples that go through a model at a time. A step needs memory for one piece beside the data.
# On a CPU a piece fits the cache; an accelerator needs more to be kept busy.
PIECE = 262_144
ACCELERATOR_PIECE = 256 * PIECE


class Linear(nn.Module):
    """y = weight * X + bias, as a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(in_features=1, out_features=1)

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.linear_layer(X)
        return y


class Parameters(nn.Module):
    """y = weights * X + bias, from two parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, X: Tensor) -> Tensor:
        return self.weights * X + self.bias


MODELS: dict[str, type[nn.Module]] = {"linear": Linear, "parameters": Parameters}


def save_model(path: Path, name: str, model: nn.Module) -> None:
    """Writes the state_dict, on the CPU, and the name of its model."""
    state_dict = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
    tensors.save(path, state_dict, {"model": name})


def load_model(path: Path) -> nn.Module:
    """A new model with the saved state_dict, on the CPU; ValueError if it does not fit."""
    state_dict, metadata = tensors.load(path)
    name = metadata.get("model")
    if name not in MODELS:
        raise ValueError(f"{path}: wanted a model of {', '.join(MODELS)}, got {name!r}")
    model = MODELS[name]()
    try:
        model.load_state_dict({key: torch.from_numpy(array) for key, array in state_dict.items()})
    except RuntimeError as error:
        raise ValueError(f"{path}: {error}") from None
    return model


def pieces(*columns: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of the columns, which have equal length, piece by piece and in order."""
    size = PIECE if columns[0].device.type == "cpu" else ACCELERATOR_PIECE
    if columns[0].shape[0] <= size:
        return iter([columns])
    return zip(*(column.split(size) for column in columns), strict=True)


def predict(model: nn.Module, X: Tensor) -> Tensor:
    """The model's y for X, each (n, 1); X is on the model's device, the result on the CPU."""
    model.eval()
    predicted = torch.empty(X.shape)
    with torch.inference_mode():
        for piece, part in pieces(X, predicted):
            part.copy_(model(piece))
    return predicted


def weight_and_bias(model: nn.Module) -> tuple[float, float]:
    """The slope and the intercept of the line that the model is."""
    weight, bias = model.parameters()
    return weight.item(), bias.item()
