"""Models to test with."""

from torch import nn

from plumbline.core.tensors import ModelInfo
from plumbline.inference.model import Standardized, arguments_of, line_of, make_model
from stages.model import MODELS


def make_with_info(
    name: str, features: int = 1, standardize: bool = False
) -> tuple[nn.Module, ModelInfo]:
    """A new model, and the info that it is saved with; any scale differs from 0 and 1."""
    settings = dict.fromkeys(arguments_of(MODELS[name]), 16)
    model = make_model(ModelInfo(name, features, settings, standardize, "cpu", None), MODELS)
    if isinstance(model, Standardized):
        for i, buffer in enumerate(model.buffers(), start=2):
            buffer.fill_(i)
    return model, ModelInfo(name, features, settings, standardize, "cpu", line_of(model))
