"""Speed of training on a GPU for each piece size, compared with a triad and with the CPU."""

import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import distributions

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity

from benchmarks import ways
from benchmarks.gpu.results import DEVICE, GPU, MILLION, tell
from benchmarks.training import Row
from plumbline.inference import device
from plumbline.training.batches import Samples, backward, full_batch
from plumbline.training.objective import make_loss
from plumbline.training.world import ALONE
from stages.model import Linear, Parameters

SIZES = [MILLION, 100 * MILLION, 1000 * MILLION] if GPU else [MILLION // 10, MILLION]
PIECES = [2**20, 2**22, 2**24, 2**26, 2**28] if GPU else [2**16, 2**18]
WHOLE = 2**40  # larger than any data set, so all samples are in one piece
SECONDS = 0.2 if GPU else 0.1  # shortest time that is accepted as a measurement
TRIAD = 12  # bytes that a = b + s * c reads and writes for each number
REPEATS = 5  # computations of the same sum
CHUNK = 2**24  # samples in each chunk of the exact gradient

PACKAGES = "torch triton numpy safetensors msgspec matplotlib pillow pyyaml tqdm pyarrow pytest dvc"

Work = Callable[[int], object]  # trains for this number of epochs, or repeats a triad this often


def packages() -> None:
    """Reports the packages' versions, torch's settings that affect the last digits, and the GPU."""
    found = {found.metadata["Name"].lower(): found.version for found in distributions()}
    versions = {name: found.get(name, "missing") for name in PACKAGES.split()}
    tell("packages", python=sys.version.split()[0], **versions)
    tell(
        "settings",
        cuda=torch.version.cuda,
        nccl=torch.cuda.nccl.version() if GPU else None,
        cores=os.cpu_count(),
        tf32=torch.backends.cuda.matmul.allow_tf32,
        matmul=torch.get_float32_matmul_precision(),
        deterministic=torch.are_deterministic_algorithms_enabled(),
    )
    if GPU:
        card, count = torch.cuda.get_device_properties(0), torch.cuda.device_count()
        tell("card", name=card.name, count=count, gb=round(card.total_memory / 1e9, 1))


def wait() -> None:
    if GPU:
        torch.accelerator.synchronize()


def seconds(work: Work) -> float:
    """Seconds of one turn of `work`: the better of two measurements, after two turns to warm up."""

    def timed() -> float:
        wait()
        start = time.perf_counter()
        work(turns)
        wait()
        return time.perf_counter() - start

    work(2)
    turns = 1
    while (taken := min(timed(), timed())) < SECONDS:
        turns *= 4
    return taken / turns


def make_data(n: int, features: int = 1) -> tuple[Tensor, Tensor]:
    X = torch.rand(n, features, device=DEVICE, generator=torch.Generator(DEVICE).manual_seed(0))
    return X, X.sum(dim=1, keepdim=True).mul_(0.3).add_(0.9)


def triad(n: int) -> float:
    """Bytes per second that a = b + s * c reads and writes; a, b and c have n numbers each."""
    a, b, c = (torch.rand(n, device=DEVICE) for _ in range(3))

    def work(turns: int) -> None:
        for _ in range(turns):
            torch.add(b, c, alpha=0.5, out=a)

    bytes_per_second = TRIAD * n / seconds(work)
    tell("triad", samples=n, gb_per_s=round(bytes_per_second / 1e9, 1))
    return bytes_per_second


def measure(way: str, X: Tensor, bound: float, work: Work) -> None:
    """Reports the time of an epoch, and compares its speed with a triad's in two ways.

    bound: the triad's bytes per second. share: the bytes of X and y, divided by the seconds of an
    epoch and by `bound`. samples_share: the samples, divided by a triad's numbers in that time.
    """
    before = 0
    if GPU:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    n, features = X.shape
    try:
        each = seconds(work)
    except RuntimeError as error:  # out of memory, or too many rows for an operation
        tell("failed", way=way, samples=n, error=str(error)[:300])
        return
    tell(
        "training",
        way=way,
        samples=n,
        ms_per_epoch=float(f"{each * 1e3:.4g}"),
        million_per_s=float(f"{n / each / 1e6:.4g}"),
        share=float(f"{4 * (features + 1) * n / each / bound:.3g}"),
        samples_share=float(f"{TRIAD * n / each / bound:.3g}"),
        extra_mb=round((torch.cuda.max_memory_allocated() - before) / 1e6) if GPU else None,
    )


def use_pieces(size: int) -> str:
    """Sets the size of a piece, and returns its label."""
    device.ACCELERATOR_PIECE = device.PIECE = size
    return f"pieces of {size:,}" if size < WHOLE else "one piece"


def throughput() -> None:
    """Measures the training of a line for each number of samples and each piece size."""
    for n in SIZES:
        bound = triad(n)
        X, y = make_data(n)

        def this(epochs: int, X: Tensor = X, y: Tensor = y) -> None:
            ways.this(X, y, epochs)

        for size in [*(size for size in PIECES if size < n), WHOLE]:
            measure(f"this, {use_pieces(size)}", X, bound, this)
            check_sum(X, y, size)
        measure("plain loop", X, bound, lambda epochs, X=X, y=y: ways.plain(X, y, epochs))
        measure(
            "this, nn.Parameters, one piece",
            X,
            bound,
            lambda epochs, X=X, y=y: ways.this(X, y, epochs, kind=Parameters),
        )


def features() -> None:
    """Measures training with ten features for some piece sizes."""
    n = SIZES[1]
    bound = triad(n)
    X, y = make_data(n, 10)
    for size in [*PIECES[1:-1], WHOLE]:
        name = f"this, 10 features, {use_pieces(size)}"
        measure(name, X, bound, lambda epochs: ways.this(X, y, epochs))


def check_sum(X: Tensor, y: Tensor, size: int) -> None:
    """Repeats one sum; reports the number of different results, and the error of the gradient."""
    torch.manual_seed(0)
    model, loss_fn = Linear(X.shape[1]).to(DEVICE), make_loss("L1Loss")
    batch, found = full_batch(Samples(X, y, 0, len(X)), ALONE), set()
    for _ in range(REPEATS):
        model.zero_grad()
        loss = backward(lambda X, y: loss_fn(model(X), y), model, batch, ALONE)
        gradient = torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None])
        found.add((loss.item(), *gradient.tolist()))
    error = float(f"{(gradient - exact_gradient(model, X, y)).abs().max():.3g}")
    tell("sum", samples=len(X), piece=size, results=len(found), gradient_error=error)


def exact_gradient(model: Linear, X: Tensor, y: Tensor) -> Tensor:
    """Gradient of the mean absolute error, float64: the weights' entries, then the bias's entry."""
    total = torch.zeros(X.shape[1] + 1, dtype=torch.float64, device=DEVICE)
    with torch.no_grad():
        for inputs, true in zip(X.split(CHUNK), y.split(CHUNK), strict=True):
            signs = (model(inputs) - true).sign().double()
            total += torch.cat([(signs * inputs).sum(dim=0), signs.sum(dim=0)])
    return total / len(X)


def profile() -> None:
    """Reports the nine operations on which the device spends the most time, over five epochs."""
    kinds = [ProfilerActivity.CPU, ProfilerActivity.CUDA] if GPU else [ProfilerActivity.CPU]
    for n, size in ((100, WHOLE), (SIZES[1], PIECES[1]), (SIZES[1], WHOLE)):
        X, y = make_data(n)
        use_pieces(size)
        ways.this(X, y, 2)
        with torch.profiler.profile(activities=kinds) as found:
            ways.this(X, y, 5)
            wait()
        times = [
            (each.self_device_time_total if GPU else each.self_cpu_time_total, each.count, each.key)
            for each in found.key_averages()
        ]
        for taken, count, name in sorted(times, reverse=True)[:9]:
            ms = round(taken / 5e3, 3)
            tell("profile", samples=n, piece=size, ms_per_epoch=ms, calls=count, name=name[:90])


def small() -> None:
    """Compares the GPU with all cores of the CPU on few samples, on batches, and on larger data."""
    for way, n, epochs in (
        ("this", 100, 2000),
        ("plain loop", 100, 2000),
        ("this, batches of 1,000", MILLION // 10, 5),
        ("this", MILLION, 200),
        ("this", SIZES[1], 10),
    ):
        X, y = make_data(n)
        gpu = seconds(lambda epochs, way=way, X=X, y=y: ways.WAYS[way](X, y, epochs))
        cpu = Row(way, n, epochs).seconds() * n
        figures = {"gpu_ms": gpu * 1e3, "cpu_ms": cpu * 1e3, "cpu_over_gpu": cpu / gpu}
        tell("epoch", way=way, samples=n, **{k: float(f"{v:.4g}") for k, v in figures.items()})
