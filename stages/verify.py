"""Verify that the saved model, loaded into a new instance, predicts what the trained one predicted.

Usage: python -m stages.verify MODEL TRAIN TEST PREDICTIONS VERDICT
"""

if __name__ == "__main__":
    from plumbline.core.start import begin_imports

    begin_imports()

import msgspec

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, write_json
from plumbline.inference.device import to_device, use_device, use_threads
from plumbline.inference.model_file import load_model
from plumbline.inference.predict import predict
from plumbline.metrics import max_error


class Params(msgspec.Struct, frozen=True):
    device: str


def main(
    params: Params,
    model_path: Input,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    verdict_path: Output,
) -> None:
    threads, device = use_threads(), use_device(params.device)
    model = load_model(model_path).to(device)
    inputs = [tensors.load_samples(path)[0] for path in (train_path, test_path)]
    original = tensors.load_predictions(predictions_path, *map(len, inputs))
    reloaded = [predict(model, to_device(X, device), threads).numpy() for X in inputs]
    difference = max(max_error(*pair, threads) for pair in zip(reloaded, original, strict=True))
    if difference != 0:
        raise UserError(
            f"{model_path}: wanted the predictions in {predictions_path}, "
            f"got some that differ by up to {difference:g}"
        )
    write_json(verdict_path, {"matches": True, "max_abs_difference": difference})


if __name__ == "__main__":
    run(main, Params)
