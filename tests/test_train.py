"""Training is the exercise's, number by number, and the plain loop's, bit by bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stages.generate
import stages.split
import stages.train
from plumbline.device import pick
from plumbline.history import Row
from plumbline.model import MODELS, PIECE, line, predict
from plumbline.training.batches import Samples, batches
from plumbline.training.loop import Train, fit
from plumbline.training.loss import LOSSES
from stages.generate import Generate, generate
from tests.exercise import EXERCISE, PUBLISHED, write_params


def data(parts: int = 80, **changes: float) -> tuple[Samples, Samples]:
    X, y = generate(Generate(**{**EXERCISE["generate"], **changes}))
    return samples(X[:parts], y[:parts]), samples(X[parts:], y[parts:])


def samples(X: Tensor, y: Tensor) -> Samples:
    """All the samples of the only process."""
    return Samples(X, y, 0, len(X))


def train(
    samples: tuple[Samples, Samples], **changes: Any
) -> tuple[nn.Module, tuple[float, float], list[Row]]:
    """The trained model, the line it started from, and its history."""
    params = Train(**{**EXERCISE["train"], **changes})
    torch.manual_seed(params.seed)
    model = MODELS[params.model]()
    start = line(model)
    return model, start, list(fit(model, *samples, params, range(params.epochs)))


def test_the_run_prints_the_published_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, train, test, *outputs = map(Path, ("line", "train", "test", "model", "history", "y"))
    stages.generate.main(line)
    stages.split.main(line, train, test)
    capsys.readouterr()
    stages.train.main(train, test, *outputs)
    assert capsys.readouterr().out.startswith(PUBLISHED)


def test_a_history_too_long_to_be_read_is_refused_before_training(folder: Path) -> None:
    write_params({"train.epochs": 80_001, "train.eval_every": 1})
    with pytest.raises(ValueError, match=r"train\.eval_every: wanted at most 80,000 .* got 80,001"):
        stages.train.main(*[Path("none")] * 5)


def test_parameters_gives_the_published_line_and_error() -> None:
    samples = data()
    model, _, _ = train(samples, model="parameters")
    weight, bias = line(model)
    X, y, _, _ = samples[1]
    assert f"{weight:.8f} {bias:.8f}" == "0.30668804 0.90105999"
    assert f"{(predict(model, X) - y).abs().mean():.6g}" == "0.00704579"


def test_the_lessons_own_losses_come_out_digit_by_digit() -> None:
    """For weight 0.7, bias 0.3, 50 samples: https://www.learnpytorch.io/01_pytorch_workflow/."""
    samples = data(40, weight=0.7, bias=0.3, step=0.02)
    _, _, rows = train(samples, model="parameters", epochs=100, eval_every=10)
    assert [(row.epoch, str(row.train_loss), str(row.test_loss)) for row in rows] == [
        (0, "0.31288138031959534", "0.48106518387794495"),
        (10, "0.1976713240146637", "0.3463551998138428"),
        (20, "0.08908725529909134", "0.21729660034179688"),
        (30, "0.053148526698350906", "0.14464017748832703"),
        (40, "0.04543796554207802", "0.11360953003168106"),
        (50, "0.04167863354086876", "0.09919948130846024"),
        (60, "0.03818932920694351", "0.08886633068323135"),
        (70, "0.03476089984178543", "0.0805937647819519"),
        (80, "0.03132382780313492", "0.07232122868299484"),
        (90, "0.02788739837706089", "0.06473556160926819"),
    ]


def plain_loop(
    samples: Samples, model: str, loss: str, make: type[torch.optim.Optimizer], epochs: int
) -> tuple[float, float]:
    """The loop as the exercise writes it."""
    X, y, _, _ = samples
    torch.manual_seed(42)
    net = MODELS[model]()
    criterion, optimizer = LOSSES[loss](), make(net.parameters(), lr=0.01)  # type: ignore[call-arg]
    for _ in range(epochs):
        value = criterion(net(X), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return line(net)


@pytest.mark.parametrize("model", ["linear", "parameters"])
@pytest.mark.parametrize("loss", ["l1", "mse", "huber"])
@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_a_full_batch_is_the_plain_loop_to_the_bit(
    model: str, loss: str, name: str, kind: type[torch.optim.Optimizer]
) -> None:
    samples = data()
    trained, _, _ = train(samples, model=model, loss=loss, optimizer=name, epochs=50)
    assert line(trained) == plain_loop(samples[0], model, loss, kind, 50)


def test_a_batch_of_many_pieces_is_the_plain_loop_within_rounding() -> None:
    samples = data(3 * PIECE + 7, step=1 / (4 * PIECE), noise=0.1)
    trained, _, _ = train(samples, loss="mse", epochs=20)
    expected = plain_loop(samples[0], "linear", "mse", torch.optim.SGD, 20)
    assert line(trained) == pytest.approx(expected, abs=1e-5)


def test_the_number_of_threads_changes_no_bit_of_many_pieces() -> None:
    samples = data(3 * PIECE + 7, step=1 / (4 * PIECE), noise=0.1)
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        pick("cpu")
        model, _, rows = train(samples, epochs=5, eval_every=1)
        results.append((line(model), rows, predict(model, samples[1][0]).numpy().tobytes()))
    torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("size", [80, 81, 10**6])
def test_a_batch_of_all_samples_is_the_full_batch(size: int) -> None:
    full, batch = train(data(), epochs=30), train(data(), epochs=30, batch_size=size)
    assert batch[1:] == full[1:]


@pytest.mark.parametrize("size", [1, 7, 79])
def test_every_sample_is_in_exactly_one_batch(size: int) -> None:
    X, y, _, _ = data()[0]
    parts = list(batches(data()[0], size, torch.Generator().manual_seed(0)))
    assert [len(part[0]) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert torch.equal(torch.cat([part[0] for part in parts]).sort(dim=0).values, X)
    assert torch.equal(torch.cat([part[1] for part in parts]).sort(dim=0).values, y)


def test_mini_batches_learn_the_line_and_their_seed_decides_their_order() -> None:
    models = [
        train(data(), batch_size=16, loss="mse", lr=0.1, epochs=200, seed=seed)[0]
        for seed in (1, 1, 2)
    ]
    lines = [line(model) for model in models]
    assert lines[0] == pytest.approx((0.3, 0.9), abs=1e-3)
    assert lines[0] == lines[1] != lines[2]


@pytest.mark.parametrize(
    ("epoch", "changes"), [(20, {"loss": "mse", "lr": 100.0}), (0, {"lr": 3e38})]
)
def test_a_loss_that_is_not_finite_ends_training_with_the_epoch_and_the_lr(
    epoch: int, changes: dict[str, Any]
) -> None:
    message = rf"^epoch {epoch}: wanted a finite loss, .* lower train\.lr \({changes['lr']}\)"
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        train(data(), **changes)


def test_a_line_lost_after_the_last_evaluation_is_refused_too() -> None:
    with pytest.raises(ValueError, match="^epoch 19: wanted a finite"):
        train(data(), loss="mse", lr=100.0, epochs=19)
