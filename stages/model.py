"""The models that can be trained, by name."""

from collections.abc import Callable, Mapping
from inspect import signature

import torch
from torch import Tensor, nn

from plumbline.core.metadata import Line, Setting


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
