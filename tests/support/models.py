"""Makes samples and models for tests, and runs the stage that trains a model."""

from pathlib import Path
from typing import Any

from torch import nn

from plumbline.core.tensors import Coefficients, ModelInfo, Recipe
from plumbline.inference.model import Standardized, arguments_of, coefficients_of, make_model
from stages import generate, split
from stages import train as train_stage
from stages.model import MODELS
from tests.support.exercise import run_stage, write_params

OUTPUTS = ("model", "predictions", "history")


def make_samples(changes: dict[str, Any]) -> None:
    """Writes the exercise's params.yaml with `changes`, and its samples to `train` and `test`."""
    write_params(changes)
    run_stage(generate, "samples")
    run_stage(split, "samples", "train", "test")


def train() -> list[bytes]:
    """Runs the stage train on the files `train` and `test`; returns the bytes of its OUTPUTS."""
    run_stage(train_stage, "train", "test", *OUTPUTS)
    return [Path(name).read_bytes() for name in OUTPUTS]


def info_of(recipe: Recipe, found: Coefficients | None = None) -> ModelInfo:
    """The info of a model that was trained on features and a target between 0 and 1."""
    names = [f"x{i}" for i in range(recipe.features)]
    ranges = [(0.0, 1.0)] * recipe.features
    return ModelInfo(recipe, names, "y", ranges, 0.5, "0" * 32, "cpu", found)


def make_model_with_info(
    name: str, features: int = 1, standardize: bool = False
) -> tuple[nn.Module, ModelInfo]:
    """A new model, and the info to save with it; a Standardized model's buffers are 2, 3, ..."""
    settings = dict.fromkeys(arguments_of(MODELS[name]), 16)
    recipe = Recipe(name, features, settings, standardize)
    model = make_model(recipe, MODELS)
    if isinstance(model, Standardized):
        for i, buffer in enumerate(model.buffers(), start=2):
            buffer.fill_(i)
    return model, info_of(recipe, coefficients_of(model))
