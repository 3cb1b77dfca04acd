"""A model on disk: its state_dict, and all that makes a new one."""

from pathlib import Path

import torch
from torch import nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.metadata import ModelInfo, decode, encode
from stages.model import MODELS, arguments_of, make_model


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
