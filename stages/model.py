"""The models that can be trained, by name."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """y = X @ weight.T + bias, with an nn.Linear; X: (n, features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(in_features=features, out_features=1)

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.linear_layer(X)
        return y

    def line(self) -> tuple[Tensor, Tensor]:
        return self.linear_layer.weight, self.linear_layer.bias


class Parameters(nn.Module):
    """y = X @ weights + bias, with two nn.Parameters; X: (n, features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(features))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, X: Tensor) -> Tensor:
        # With one feature, the sum changes nothing: this is exactly the notebook's formula.
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


# For a model of your own, add a class above and a line here. Its __init__ gets the number of
# features. Each further parameter gets the value of that name under `train` in params.yaml.
MODELS: dict[str, Callable[..., nn.Module]] = {
    "linear": Linear,
    "parameters": Parameters,
    "mlp": MLP,
}
