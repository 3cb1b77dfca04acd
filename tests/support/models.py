"""Models to test with."""

from torch import nn

from plumbline.core.tensors import Line, ModelInfo, Recipe
from plumbline.inference.model import Standardized, arguments_of, line_of, make_model
from stages.model import MODELS


def info_of(recipe: Recipe, line: Line | None = None) -> ModelInfo:
    """The info of a model that was trained on features from 0 to 1."""
    n = min(recipe.features, 10)
    names, ranges = [f"x{i}" for i in range(n)], [(0.0, 1.0)] * n
    return ModelInfo(recipe, names, "y", ranges, samples="0" * 32, device="cpu", line=line)


def make_with_info(
    name: str, features: int = 1, standardize: bool = False
) -> tuple[nn.Module, ModelInfo]:
    """A new model, and the info that it is saved with; any scale differs from 0 and 1."""
    settings = dict.fromkeys(arguments_of(MODELS[name]), 16)
    recipe = Recipe(name, features, settings, standardize)
    model = make_model(recipe, MODELS)
    if isinstance(model, Standardized):
        for i, buffer in enumerate(model.buffers(), start=2):
            buffer.fill_(i)
    return model, info_of(recipe, line_of(model))
