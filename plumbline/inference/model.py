"""Makes, saves and loads models; a model's file contains its state_dict and its recipe."""

from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import Coefficients, Line, ModelInfo, Recipe, decode, encode

# A project's model classes, by name. Each is called with the number of features, and with the keys
# of `train` in params.yaml that its __init__ names.
Models = Mapping[str, Callable[..., nn.Module]]


class Standardized(nn.Module):
    """Wraps a model of standardised X and y; takes X and returns y in the units of the data.

    The input of `model` is (X - X_mean) / X_std, and its output is (y - y_mean) / y_std.
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
        """The standardised y (n, 1) for X (n, features) in the units of the data."""
        y: Tensor = self.model((X - self.X_mean) / self.X_std)
        return y

    def standardize_y(self, y: Tensor) -> Tensor:
        return (y - self.y_mean) / self.y_std

    def in_data_units(self, found: Coefficients) -> Coefficients:
        """Converts coefficients for standardised X and y to the units of the data."""
        y_mean, y_std = self.y_mean.item(), self.y_std.item()
        pairs = zip(found.weights, self.X_std.tolist(), strict=True)
        weights = [weight * y_std / x_std for weight, x_std in pairs]
        shift = sum(w * x_mean for w, x_mean in zip(weights, self.X_mean.tolist(), strict=True))
        return Coefficients(weights, found.bias * y_std + y_mean - shift)


def make_model(recipe: Recipe, models: Models) -> nn.Module:
    """A new model of the recipe's class and settings."""
    model = models[recipe.name](recipe.features, **recipe.settings)
    return Standardized(model, recipe.features) if recipe.standardize else model


def arguments_of(kind: Callable[..., nn.Module]) -> list[str]:
    """The names of the arguments of a model's class, except the first: the number of features."""
    _, *arguments = signature(kind).parameters
    return arguments


def coefficients_of(model: nn.Module) -> Coefficients | None:
    """The coefficients in the units of the data; None if the model has no method `line`."""
    inner: Any = model.model if isinstance(model, Standardized) else model
    if not hasattr(inner, "line"):
        return None
    weights, bias = inner.line()
    found = Coefficients(weights.flatten().tolist(), bias.item())
    return model.in_data_units(found) if isinstance(model, Standardized) else found


def line_of(model: nn.Module) -> Line | None:
    """The weight and the bias in the units of the data; None unless y is linear in one feature."""
    found = coefficients_of(model)
    return found.line if found else None


def save_model(path: Path, model: nn.Module, info: ModelInfo) -> None:
    """Writes the state_dict with everything that `load_model` needs to make a new model."""
    state_dict = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
    tensors.save(path, state_dict, encode(info))


def load_model(path: Path, models: Models) -> nn.Module:
    """A new model with the saved state_dict, on the CPU; UserError if they do not fit."""
    if not path.is_file():
        raise UserError(
            f"{path}: wanted a model, got none; `make repro` trains it, or `dvc pull` fetches it"
        )
    arrays, metadata = tensors.load(path)
    recipe = decode(path, metadata, ModelInfo).recipe
    state_dict = {key: torch.from_numpy(array) for key, array in arrays.items()}
    if recipe.name not in models or arguments_of(models[recipe.name]) != list(recipe.settings):
        raise UserError(
            f"{path}: wanted one of {', '.join(models)} with its current arguments, got {recipe}"
        )
    try:
        # First check the shapes on the meta device, where tensors take no memory.
        with torch.device("meta"):
            make_model(recipe, models).load_state_dict(state_dict, assign=True)
        model = make_model(recipe, models)
        model.load_state_dict(state_dict)
    except (RuntimeError, TypeError, ValueError) as error:  # settings or shapes that do not fit
        raise UserError(f"{path}: {error}") from None
    return model
