"""Ways to learn y (n, 1), which is linear in X (n, features).

Usage: python -m benchmarks.ways WAY SAMPLES EPOCHS [FEATURES]

Each way that trains computes its training and testing loss every 20 epochs. The script runs two
epochs to warm up, and then prints how many seconds EPOCHS epochs take. Each way needs its own
process, because a second way would profit from the imports and memory of the first.
"""

import logging
import sys
import time
import warnings
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from plumbline.inference.device import use_device, use_threads
from plumbline.training.batches import Samples
from plumbline.training.world import World
from stages.loop import Train, fit
from stages.model import Linear

TEST, EVERY = 20, 20  # samples to test on, and epochs between two tests, as in the exercise
BATCH = 1_000

Loader = DataLoader[tuple[Tensor, ...]] | list[tuple[Tensor, Tensor]]


threads = cache(use_threads)  # only the first call sets the threads of the process


def this(
    X: Tensor,
    y: Tensor,
    epochs: int,
    batch_size: int = 0,
    kind: type[nn.Module] = Linear,
) -> nn.Module:
    """Trains a model of this class with the loop of `stages/loop.py`, and returns it."""
    use_device(X.device.type)
    world = World(threads=threads())
    params = Train(
        model="linear",
        hidden=1,
        standardize=False,
        seed=42,
        loss="l1",
        optimizer="sgd",
        lr=0.01,
        epochs=epochs,
        batch_size=batch_size,
        eval_every=EVERY,
        last=1,
        checkpoint_every=0,
    )
    train, test = Samples(X, y, 0, len(X)), Samples(X[:TEST], y[:TEST], 0, TEST)
    model = kind(X.shape[1]).to(X.device)
    fit(model, train, test, params, world)
    return model


def this_in_batches(X: Tensor, y: Tensor, epochs: int) -> None:
    this(X, y, epochs, BATCH)


def plain(X: Tensor, y: Tensor, epochs: int, loader: Loader | None = None) -> None:
    """The loop as the notebook of the exercise writes it."""
    model, criterion = Linear(X.shape[1]).to(X.device), nn.L1Loss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for epoch in range(epochs):
        model.train()
        for X_batch, y_batch in loader or [(X, y)]:
            loss = criterion(model(X_batch), y_batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % EVERY == 0:
            model.eval()
            with torch.inference_mode():
                test_loss = criterion(model(X[:TEST]), y[:TEST])
            losses.append((loss.item(), test_loss.item()))


def plain_in_batches(X: Tensor, y: Tensor, epochs: int) -> None:
    """The exercise's loop, with mini-batches from a DataLoader."""
    plain(X, y, epochs, DataLoader(TensorDataset(X, y), BATCH, shuffle=True))


def with_lightning(X: Tensor, y: Tensor, epochs: int, loader: Loader | None = None) -> None:
    """Lightning's Trainer with a DataLoader, as in its documentation; all samples are one batch."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = Linear(1)

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            X, y = batch
            loss = nn.functional.l1_loss(self.model(X), y)
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
            X, y = batch
            self.log("test_loss", nn.functional.l1_loss(self.model(X), y))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        check_val_every_n_epoch=EVERY,
        num_sanity_val_steps=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    test = DataLoader(TensorDataset(X[:TEST], y[:TEST]), batch_size=TEST)
    trainer.fit(Module(), loader or DataLoader(TensorDataset(X, y), batch_size=len(X)), test)


def with_lightning_uncollated(X: Tensor, y: Tensor, epochs: int) -> None:
    """Lightning's Trainer with a loader that yields X and y whole, without collating."""
    loader = DataLoader(TensorDataset(X, y), batch_size=None, sampler=[slice(None)])
    with_lightning(X, y, epochs, loader)


def with_sklearn(X: Tensor, y: Tensor, epochs: int) -> None:
    """scikit-learn's stochastic gradient descent, with a step for each sample."""
    from sklearn.linear_model import SGDRegressor
    from sklearn.metrics import mean_absolute_error

    X_all, y_all = X.numpy(), y.numpy()[:, 0]
    regressor = SGDRegressor(
        loss="epsilon_insensitive",
        epsilon=0,
        penalty=None,
        max_iter=min(epochs, EVERY),
        warm_start=True,
        tol=None,
        learning_rate="constant",
        eta0=0.01,
    )
    for _ in range(0, epochs, EVERY):
        regressor.fit(X_all, y_all)
        predicted = regressor.predict(X_all)
        mean_absolute_error(y_all, predicted)
        mean_absolute_error(y_all[:TEST], predicted[:TEST])


def read(X: Tensor, y: Tensor, epochs: int) -> None:
    """Reads the data from memory: a lower bound on the time of an epoch."""
    for _ in range(epochs):
        X.sum()
        y.sum()


WAYS = {
    "this": this,
    "plain loop": plain,
    "Lightning's Trainer, DataLoader": with_lightning,
    "Lightning's Trainer, no collating": with_lightning_uncollated,
    "scikit-learn's SGDRegressor": with_sklearn,
    "reading X and y once": read,
    f"this, batches of {BATCH:,}": this_in_batches,
    f"plain loop, DataLoader of {BATCH:,}": plain_in_batches,
}


def main(way: str, samples: int, epochs: int, features: int = 1) -> None:
    X = torch.rand(samples, features, generator=torch.Generator().manual_seed(0))
    y = 0.3 * X.sum(dim=1, keepdim=True) + 0.9
    WAYS[way](X, y, 2)
    start = time.perf_counter()
    WAYS[way](X, y, epochs)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
