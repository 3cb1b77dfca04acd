"""Training alone: this project beside the plain loop, Lightning and scikit-learn.

Usage: python -m benchmarks.training

On the same data in one process, in turn, several times; each figure is a median.
"""

import logging
import statistics
import time
import warnings
from collections.abc import Callable

import lightning
import torch
from sklearn.linear_model import SGDRegressor
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from stages.device import pick
from stages.loop import Train, fit
from stages.model import Linear
from stages.samples import Samples

TEST = 20  # samples to test on, few enough to cost nothing in any of the ways
THREADS = torch.get_num_threads()


def this(X: Tensor, y: Tensor, epochs: int, batch_size: int | None = None) -> None:
    pick("cpu")
    params = Train(
        model="linear",
        seed=42,
        loss="l1",
        optimizer="sgd",
        lr=0.01,
        epochs=epochs,
        batch_size=batch_size,
        eval_every=20,
        checkpoint_every=0,
    )
    train, test = Samples(X, y, 0, len(X)), Samples(X[:TEST], y[:TEST], 0, TEST)
    for _ in fit(Linear(), train, test, params, range(epochs)):
        pass


def plain(X: Tensor, y: Tensor, epochs: int, batch_size: int | None = None) -> None:
    """The loop as the exercise writes it, with the DataLoader for mini-batches."""
    model, criterion = Linear(), nn.L1Loss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(TensorDataset(X, y), batch_size, shuffle=True) if batch_size else [(X, y)]
    losses = []
    for epoch in range(epochs):
        model.train()
        for X_batch, y_batch in loader:
            loss = criterion(model(X_batch), y_batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 20 == 0:
            model.eval()
            with torch.inference_mode():
                test_loss = criterion(model(X[:TEST]), y[:TEST])
            losses.append((loss.item(), test_loss.item()))


class Module(lightning.LightningModule):
    """The exercise's model for Lightning."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Linear()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        X, y = batch
        return nn.functional.l1_loss(self.model(X), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def with_lightning(X: Tensor, y: Tensor, epochs: int) -> None:
    # The whole batch at once: a sampler that yields one index tensor, so that nothing is collated.
    loader = DataLoader(TensorDataset(X, y), batch_size=None, sampler=[slice(None)])
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), loader)


def with_sklearn(X: Tensor, y: Tensor, epochs: int) -> None:
    regressor = SGDRegressor(
        loss="epsilon_insensitive",
        epsilon=0,
        penalty=None,
        max_iter=epochs,
        tol=None,
        learning_rate="constant",
        eta0=0.01,
    )
    regressor.fit(X.numpy(), y.numpy()[:, 0])


def read(X: Tensor, y: Tensor, epochs: int) -> None:
    """What memory allows at best: X and y read once an epoch."""
    for _ in range(epochs):
        X.sum()
        y.sum()


def measure(
    n: int, epochs: int, runs: int, ways: dict[str, Callable[[Tensor, Tensor, int], None]]
) -> None:
    """Prints a row for each way: ms per epoch, and how often the first goes into it."""
    X = torch.rand(n, 1, generator=torch.Generator().manual_seed(0))
    y = 0.3 * X + 0.9
    times: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(runs + 1):
        for name, way in ways.items():
            torch.set_num_threads(THREADS)
            start = time.perf_counter()
            way(X, y, epochs)
            if run:
                times[name].append(time.perf_counter() - start)
    first = next(iter(times.values()))
    for name, taken in times.items():
        ratio = statistics.median(a / b for a, b in zip(taken, first, strict=True))
        print(
            f"| {n:,} | {name} | {statistics.median(taken) / epochs * 1e3:.3g} | {ratio:.2f} |",
            flush=True,
        )


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    print("| samples | way | ms per epoch | times this |")
    print("|---|---|---|---|")
    rivals = {
        "this": this,
        "plain loop": plain,
        "Lightning's Trainer": with_lightning,
        "scikit-learn's SGDRegressor": with_sklearn,
    }
    measure(100, 300, 5, rivals)
    measure(10**6, 10, 5, rivals)
    measure(10**7, 5, 5, {"this": this, "plain loop": plain, "reading X and y once": read})
    mini = {
        "this, batches of 1,000": lambda X, y, n: this(X, y, n, batch_size=1000),
        "plain loop, DataLoader of 1,000": lambda X, y, n: plain(X, y, n, 1000),
    }
    measure(10**5, 3, 3, mini)


if __name__ == "__main__":
    main()
