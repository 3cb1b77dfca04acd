"""The models that can be trained, by name, and their state_dict on disk."""

from pathlib import Path

import torch
from torch import Tensor, nn

from stages import tensors

# ATen splits no reduction of up to 32,768 elements among threads, so that taking more samples in
# pieces of this size makes the result the same for any number of threads. It also fits the cache.
PIECE = 32_768


class Linear(nn.Module):
    """y = weight * X + bias, as a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(in_features=1, out_features=1)

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.linear_layer(X)
        return y


class Parameters(nn.Module):
    """y = weights * X + bias, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, X: Tensor) -> Tensor:
        return self.weights * X + self.bias


MODELS: dict[str, type[nn.Module]] = {"linear": Linear, "parameters": Parameters}


def save_model(path: Path, name: str, model: nn.Module) -> None:
    """Writes the state_dict, on the CPU, with the name of the model that it belongs to."""
    state_dict = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
    tensors.save(path, state_dict, {"model": name})


def load_model(path: Path) -> nn.Module:
    """A new instance with the saved state_dict, on the CPU; ValueError if they do not fit."""
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


def predict(model: nn.Module, X: Tensor) -> Tensor:
    """The model's y for X, (n, 1); X is on the model's device, the result on the CPU."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(piece) for piece in X.split(PIECE)]).cpu()


def line(model: nn.Module) -> tuple[float, float]:
    """The slope and the intercept that a model has come to."""
    weight, bias = model.parameters()
    return weight.item(), bias.item()
