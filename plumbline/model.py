"""The models that can be trained, by name, and their state_dict on disk."""

from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path

import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.metadata import Line, ModelInfo, Setting, decode, encode
from plumbline.device import one_thread
from plumbline.threads import in_threads

# Samples that go through a model at a time. Each thread needs memory for one piece beside the data.
# On a CPU a piece fits the cache; an accelerator needs more to be kept busy. A multiple of 4, so
# that each piece starts at 16 bytes: otherwise a matrix product may have other last bits there.
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


class MLP(nn.Module):
    """A multilayer perceptron with one hidden layer of `hidden` units; X: (n, features)."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.layers(X)
        return y


# A model of your own is a class above and a line here. The class is made with the number of
# features, and with each key of `train` in params.yaml that its __init__ names.
MODELS: dict[str, Callable[..., nn.Module]] = {
    "linear": Linear,
    "parameters": Parameters,
    "mlp": MLP,
}


class Standardized(nn.Module):
    """A model of standardised X and y that takes and gives both in their own units.

    (X - X_mean) / X_std goes through `model`, whose result is (y - y_mean) / y_std.
    """

    X_mean: Tensor  # (features,)
    X_std: Tensor  # (features,)
    y_mean: Tensor  # (1,)
    y_std: Tensor  # (1,)

    def __init__(self, model: nn.Module, features: int) -> None:
        super().__init__()
        self.model = model
        for name, size in ("X", features), ("y", 1):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def forward(self, X: Tensor) -> Tensor:
        return self.predict_standardized(X) * self.y_std + self.y_mean

    def predict_standardized(self, X: Tensor) -> Tensor:
        """The standardised y (n, 1) for X (n, features) in its own units."""
        y: Tensor = self.model((X - self.X_mean) / self.X_std)
        return y

    def standardize_y(self, y: Tensor) -> Tensor:
        return (y - self.y_mean) / self.y_std

    def line_in_own_units(self, line: Line) -> Line:
        """The line of X and y that is this line of standardised X and y; for one feature."""
        scale = self.X_mean, self.X_std, self.y_mean, self.y_std
        x_mean, x_std, y_mean, y_std = (number.item() for number in scale)
        weight = line[0] * y_std / x_std
        return weight, line[1] * y_std + y_mean - weight * x_mean


def make_model(
    name: str, features: int, settings: Mapping[str, Setting], standardize: bool
) -> nn.Module:
    """A new model of this name; settings: the other arguments of its class."""
    model = MODELS[name](features, **settings)
    return Standardized(model, features) if standardize else model


def arguments_of(name: str) -> list[str]:
    """The arguments of the model's class, without the number of features."""
    _, *arguments = signature(MODELS[name]).parameters
    return arguments


def is_line(model: nn.Module) -> bool:
    """True for a model with a method `line`: its y is linear in X."""
    return hasattr(model.model if isinstance(model, Standardized) else model, "line")


def line_of(model: nn.Module) -> Line | None:
    """The weight and the bias in the units of the data, if the model is a line in one feature."""
    if isinstance(model, Standardized):
        line = line_of(model.model)
        return line and model.line_in_own_units(line)
    if not is_line(model):
        return None
    weight, bias = model.line()  # type: ignore[operator]
    return (weight.item(), bias.item()) if weight.numel() == 1 else None


def save_model(path: Path, model: nn.Module, info: ModelInfo) -> None:
    """Writes the state_dict, on the CPU, with all that `load_model` needs to make a new model."""
    state_dict = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
    tensors.save(path, state_dict, encode(info))


def load_model(path: Path) -> nn.Module:
    """A new model with the saved state_dict, on the CPU; UserError if it does not fit."""
    arrays, metadata = tensors.load(path)
    info = decode(path, metadata, ModelInfo)
    state_dict = {key: torch.from_numpy(array) for key, array in arrays.items()}
    if info.name not in MODELS or arguments_of(info.name) != list(info.settings):
        raise UserError(f"{path}: wanted a model of {', '.join(MODELS)}, got {info}")
    new = info.name, info.features, info.settings, info.standardize
    try:
        # On the meta device a model takes no memory, whatever size the file asks for.
        with torch.device("meta"):
            make_model(*new).load_state_dict(state_dict, assign=True)
        model = make_model(*new)
        model.load_state_dict(state_dict)
    except RuntimeError as error:
        raise UserError(f"{path}: {error}") from None
    return model


def piece_size(device: torch.device) -> int:
    """The number of samples in a piece; the last piece may have fewer."""
    return PIECE if device.type == "cpu" else ACCELERATOR_PIECE


def predict(model: nn.Module, X: Tensor, threads: int = 1) -> Tensor:
    """The model's y (n, 1) for X (n, k); X is on the model's device, the result on the CPU.

    The result is the same for any number of threads; an accelerator needs one.
    """
    model.eval()
    predicted = torch.empty(X.shape[0], 1)
    size = piece_size(X.device)

    def predict_piece(piece: tuple[Tensor, Tensor]) -> None:
        inputs, outputs = piece
        with torch.inference_mode():  # each thread has its own mode
            outputs.copy_(check_shape(model(inputs), len(inputs)))

    pieces = list(zip(X.split(size), predicted.split(size), strict=True))
    in_threads(predict_piece, pieces, threads if X.device.type == "cpu" else 1, one_thread)
    return predicted


def check_shape(predicted: Tensor, n: int) -> Tensor:
    """The predictions; TypeError if they are not (n, 1), which torch would broadcast silently."""
    if predicted.shape != (n, 1):
        got = tuple(predicted.shape)
        raise TypeError(f"wanted forward to return shape ({n}, 1) for {n} samples, got {got}")
    return predicted
