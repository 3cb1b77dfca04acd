"""The device that computes: its threads, the size of a piece, and a model's predictions."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.core.threads import Item, map_in_threads

# Samples that go through a model at once. Each thread needs memory for one piece beside the data.
# On a CPU, a piece fits into the cache. An accelerator needs more work to stay busy: with these,
# an H200 keeps at least 97 % of its speed (benchmarks/README.md). Both are multiples of 4, so that
# each piece is aligned to 16 bytes; if not, a matrix product's last bits may differ.
PIECE = 262_144
ACCELERATOR_PIECE = 256 * PIECE

# A model always gets a multiple of this many rows; zeros are added.
MULTIPLE = 64


def piece_size(device: torch.device) -> int:
    """The number of samples in a piece; the last piece may have fewer."""
    return PIECE if device.type == "cpu" else ACCELERATOR_PIECE


def use_device(name: str) -> torch.device:
    """The device that `device` in params.yaml names; sets up this process for it.

    `auto` is the accelerator if there is one, else the CPU.
    """
    # Freeing this block makes glibc keep later ones up to its size. It would return them to the
    # system, which costs a page fault for every 4 KB of the next block.
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
    """Sets torch to one thread for each operation; returns the number of threads that it had.

    Several threads would split a sum by their number, which changes its last bits. They share the
    pieces instead.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    return threads


def compute_pieces(
    task: Callable[[Item], None], pieces: Sequence[Item], device: torch.device, threads: int
) -> None:
    """Calls `task` once for each piece, on these threads of a CPU; for an accelerator, on one."""
    map_in_threads(task, pieces, threads if device.type == "cpu" else 1, use_threads)


def predict(model: nn.Module, X: Tensor, threads: int = 1) -> Tensor:
    """The model's y (n, 1) for X (n, k); X is on the model's device, the result on the CPU.

    The result is the same for any number of threads. Padding to a multiple of rows keeps the bits
    of a prediction independent of the other rows.
    """
    model.eval()
    predicted = torch.empty(X.shape[0], 1)
    size = piece_size(X.device)

    def predict_piece(piece: tuple[Tensor, Tensor]) -> None:
        inputs, outputs = piece
        n = len(inputs)
        with torch.inference_mode():  # each thread has its own mode
            if missing := -n % MULTIPLE:
                inputs = torch.cat([inputs, inputs.new_zeros(missing, inputs.shape[1])])
            outputs.copy_(model(inputs)[:n])

    pieces = list(zip(X.split(size), predicted.split(size), strict=True))
    compute_pieces(predict_piece, pieces, X.device, threads)
    return predicted
