"""The models that can be trained, by name, and their state_dict on disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.metadata import Line, ModelInfo, decode, encode

# Samples that go through a model at a time. A step needs memory for one piece beside the data.
# On a CPU a piece fits the cache; an accelerator needs more to be kept busy.
PIECE = 262_144
ACCELERATOR_PIECE = 256 * PIECE


class Linear(nn.Module):
    """y = X @ weight + bias, as a layer; X: (n, features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(in_features=features, out_features=1)

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.linear_layer(X)
        return y

    def line(self) -> tuple[Tensor, Tensor]:
        return self.linear_layer.weight, self.linear_layer.bias


class Parameters(nn.Module):
    """y = X @ weights + bias, from two parameters; X: (n, features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(features))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, X: Tensor) -> Tensor:
        # With one feature, a product is the exercise's own formula; the sum over one is itself.
        return (self.weights * X).sum(dim=1, keepdim=True) + self.bias

    def line(self) -> tuple[Tensor, Tensor]:
        return self.weights, self.bias


# A model of your own is a class above, made with the number of features, and a line here.
MODELS: dict[str, Callable[[int], nn.Module]] = {
    "linear": Linear,
    "parameters": Parameters,
}


def line_of(model: nn.Module) -> Line | None:
    """The weight and the bias, if the model is a line in one feature."""
    if not hasattr(model, "line"):
        return None
    weight, bias = model.line()  # type: ignore[operator]
    return (weight.item(), bias.item()) if weight.numel() == 1 else None


def save_model(path: Path, name: str, model: nn.Module, features: int) -> None:
    """Writes the state_dict, on the CPU, with all that `load_model` needs to make a new model."""
    state_dict = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
    info = ModelInfo(name=name, features=features, line=line_of(model))
    tensors.save(path, state_dict, encode(info))


def load_model(path: Path) -> nn.Module:
    """A new model with the saved state_dict, on the CPU; UserError if it does not fit."""
    state_dict, metadata = tensors.load(path)
    info = decode(path, metadata, ModelInfo)
    # A new model needs as much memory as its file, and no more.
    if info.name not in MODELS or info.features > sum(map(np.size, state_dict.values())):
        raise UserError(f"{path}: wanted a model of {', '.join(MODELS)} that fits, got {info}")
    model = MODELS[info.name](info.features)
    try:
        model.load_state_dict({key: torch.from_numpy(array) for key, array in state_dict.items()})
    except RuntimeError as error:
        raise UserError(f"{path}: {error}") from None
    return model


def pieces(*columns: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of the columns, which have equal length, piece by piece and in order."""
    size = PIECE if columns[0].device.type == "cpu" else ACCELERATOR_PIECE
    if columns[0].shape[0] <= size:
        return iter([columns])
    return zip(*(column.split(size) for column in columns), strict=True)


def predict(model: nn.Module, X: Tensor) -> Tensor:
    """The model's y (n, 1) for X (n, k); X is on the model's device, the result on the CPU."""
    model.eval()
    predicted = torch.empty(X.shape[0], 1)
    with torch.inference_mode():
        for piece, part in pieces(X, predicted):
            part.copy_(check_shape(model(piece)))
    return predicted


def check_shape(predicted: Tensor) -> Tensor:
    """The predictions; TypeError if they are not (n, 1), which torch would broadcast silently."""
    if predicted.ndim != 2 or predicted.shape[1] != 1:
        raise TypeError(f"wanted forward to return (n, 1), got {tuple(predicted.shape)}")
    return predicted
