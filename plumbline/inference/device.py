"""Sets up the device and its threads, and predicts with a model, piece by piece."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.core.threads import Item, map_in_threads

# Samples in one call of a model. Each thread needs memory for one piece in addition to the data.
# A CPU's piece fits its cache. An accelerator needs larger pieces to stay busy: with this size,
# an H200 reaches at least 96 % of its speed (benchmarks/README.md). Both sizes are multiples of 4,
# so each piece is aligned to 16 bytes; alignment can change the last bits of a matrix product.
PIECE = 262_144
ACCELERATOR_PIECE = 256 * PIECE

# `predict` pads each piece with rows of zeros to a multiple of this number of rows.
ROW_MULTIPLE = 64


def piece_size(device: torch.device) -> int:
    """The number of samples in a piece; the last piece may have fewer."""
    return PIECE if device.type == "cpu" else ACCELERATOR_PIECE


def use_device(name: str) -> torch.device:
    """The device that `device` in params.yaml names; also makes glibc keep freed memory.

    `auto` is the accelerator if there is one, else the CPU.
    """
    # Freeing this block makes glibc keep later blocks up to its size. Otherwise it returns them to
    # the system, and every 4 KB of the next block costs a page fault.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    present = {"auto": torch.device("cpu"), "cpu": torch.device("cpu")}
    if accelerator := torch.accelerator.current_accelerator(check_available=True):
        kind = accelerator.type
        indexed = [f"{kind}:{index}" for index in range(torch.accelerator.device_count())]
        present |= {"auto": accelerator, **{n: torch.device(n) for n in (kind, *indexed)}}
    if name not in present:
        raise UserError(f"params.yaml: device: wanted one of {', '.join(present)}, got {name!r}")
    return present[name]


def use_threads() -> int:
    """Makes torch use one thread for each operation; returns the number of threads it used before.

    Splitting a sum among threads would change its last bits. The threads share the pieces instead.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    return threads


def compute_pieces(
    task: Callable[[Item], None], pieces: Sequence[Item], device: torch.device, threads: int
) -> None:
    """Calls `task` for each piece: in `threads` threads on a CPU, in one on an accelerator."""
    map_in_threads(task, pieces, threads if device.type == "cpu" else 1, use_threads)


def predict(model: nn.Module, X: Tensor, threads: int = 1) -> Tensor:
    """The model's predictions (n, 1), on the CPU, for X (n, k), which is on the model's device.

    The result is the same for any number of threads. On a CPU, padding makes the bits of a
    prediction independent of the other rows.
    """
    model.eval()
    predicted = torch.empty(X.shape[0], 1)
    size = piece_size(X.device)

    def predict_piece(piece: tuple[Tensor, Tensor]) -> None:
        inputs, outputs = piece
        n = len(inputs)
        with torch.inference_mode():  # each thread has its own mode
            if missing := -n % ROW_MULTIPLE:
                inputs = torch.cat([inputs, inputs.new_zeros(missing, inputs.shape[1])])
            outputs.copy_(model(inputs)[:n])

    pieces = list(zip(X.split(size), predicted.split(size), strict=True))
    compute_pieces(predict_piece, pieces, X.device, threads)
    return predicted
