"""The predictions of a model, piece by piece."""

import torch
from torch import Tensor, nn

from plumbline.inference.device import compute_pieces

# Samples that go through a model at a time. Each thread needs memory for one piece beside the data.
# On a CPU a piece fits the cache; an accelerator needs more to be kept busy. A multiple of 4, so
# that each piece starts at 16 bytes: otherwise a matrix product may have other last bits there.
PIECE = 262_144
ACCELERATOR_PIECE = 256 * PIECE


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
    compute_pieces(predict_piece, pieces, X.device, threads)
    return predicted


def check_shape(predicted: Tensor, n: int) -> Tensor:
    """The predictions; TypeError if they are not (n, 1), which torch would broadcast silently."""
    if predicted.shape != (n, 1):
        got = tuple(predicted.shape)
        raise TypeError(f"wanted forward to return shape ({n}, 1) for {n} samples, got {got}")
    return predicted
