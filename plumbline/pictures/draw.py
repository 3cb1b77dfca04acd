"""The pictures of the data, the predictions, the losses, the validation and the landscape."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from plumbline import validation
from plumbline.core.command import number
from plumbline.core.tensors import Array, Floats, Pair, SamplesInfo
from plumbline.history import Epoch
from plumbline.pictures import look
from plumbline.pictures.look import BLUE, GREEN, VERMILLION, Size
from plumbline.validation import CHUNK, map_errors

# More panels than this are too small to read.
PANELS = 12

LossOf = Callable[[Floats], Floats]  # the loss of each residual


def draw_data(train: Pair, test: Pair, info: SamplesInfo, size: Size, title: str) -> Figure:
    """The training and the testing samples: y against each of the first 12 features."""
    shown = info.features[:PANELS]
    if more := len(info.features) - len(shown):
        title += f"; {more:,} more features are not shown"
    figure, panels = look.new_picture(size, title, shown, [info.target])
    for feature, axes in enumerate(panels):
        _draw_samples(axes, train, test, feature)
    look.add_legend(figure, panels[0])
    return figure


def _draw_samples(axes: Axes, train: Pair, test: Pair, feature: int = 0) -> None:
    """Draws y against one feature, and sets the limits of the axes to show these samples."""
    n, drawn = len(train[1]) + len(test[1]), []
    for (X, true), name, marker, color, many in (
        (train, "training data", "o", BLUE, 3),
        (test, "testing data", "s", GREEN, 2.5),
    ):
        # If there are many, the same fraction of the training and the testing samples is drawn.
        x, y = look.thin(look.MAX_DOTS * len(true) // n + 1, X[:, feature : feature + 1], true)
        label = name if len(y) == len(true) else f"{name}: {len(y):,} of {len(true):,}"
        axes.plot(x, y, marker, color=color, markersize=look.dot_size(n, many), label=label)
        drawn.append((x, y))
    xs, ys = zip(*drawn, strict=True)
    axes.set(xlim=look.limits(*xs), ylim=look.limits(*ys))


def draw_predictions(
    train: Pair, test: Pair, predicted: Array, info: SamplesInfo, size: Size, title: str
) -> Figure:
    """The predictions for the testing samples, and their residuals below; predicted: (n, 1).

    With one feature, the predictions are drawn over the samples; with several, against the true y.
    The axis of the residuals ends 5 % beyond a round number. This number is above the largest
    residual, or above five times their 95th percentile if that is less.
    """
    (X, true), n, alone = test, len(predicted), len(info.features) == 1
    x_label, y_label = f"true {info.target}", "predicted"
    if alone:
        x_label, y_label = info.features[0], info.target
    figure, (upper, lower) = look.new_picture(size, title, [x_label], [y_label, "predicted - true"])
    worst = map_errors(lambda e: float(np.abs(e).argmax()), predicted, true)
    rows = [i * CHUNK + int(row) for i, row in enumerate(worst)]  # the worst row of each chunk
    x, y, found = look.thin(look.MAX_DOTS, X if alone else true, true, predicted, rows=rows)
    if alone:
        _draw_samples(upper, train, test)
    else:
        upper.plot(look.limits(y), look.limits(y), color=GREEN, label="perfect predictions")
        upper.set(xlim=look.limits(y), ylim=look.limits(y))
    (dots,) = upper.plot(x, found, "o", color=VERMILLION, label="predictions")
    dots.set(markersize=1.5 * look.dot_size(n), markerfacecolor="none")
    low, high = upper.get_ylim()
    margin = (high - low) / 20
    near = found[np.abs(found - (low + high) / 2) <= high - low]  # farther ones only get a mark
    low, high = min([low, *near - margin]), max([high, *near + margin])
    upper.set_ylim(low, high)
    beyond = int(np.sum((predicted < low) | (predicted > high)))
    look.note_points_outside(upper, "predictions", beyond, n, (x, found))

    residuals = found - y
    usual = 5 * float(np.quantile(np.abs(residuals), 0.95, method="lower"))
    largest = float(np.abs(residuals).max())
    edge = 1.05 * look.step_above(min(largest, usual or largest))  # leaves room for a whole dot
    lower.axhline(0, color=GREEN)
    lower.plot(x, residuals, "o", color=VERMILLION, markersize=look.dot_size(n))
    lower.set_ylim(-edge, edge)
    beyond = int(sum(map_errors(lambda e: float(np.sum(np.abs(e) > edge)), predicted, true)))
    look.note_points_outside(lower, "residuals", beyond, n, (x, residuals))
    look.add_legend(figure, upper)
    return figure


def draw_losses(rows: list[Epoch], loss: str, size: Size, title: str) -> Figure:
    """Both losses by epoch, and the lowest testing loss unless it is the last.

    The axis ends no higher than the round number above ten times the larger loss of the first row.
    It spans about six decades at most.
    """
    unit = f" of y / {number(rows[0].y_std, 4)}" if rows[0].y_std else ""
    figure, (axes,) = look.new_picture(size, title, ["epoch"], [f"loss ({loss}{unit})"])
    epoch, train_loss, test_loss = np.array([row[:3] for row in rows]).T
    axes.plot(epoch, train_loss, "o-", color=BLUE, markersize=4, label="training loss")
    axes.plot(epoch, test_loss, "s-", color=GREEN, markersize=4, label="testing loss")
    best = test_loss.argmin()
    if test_loss[best] < test_loss[-1]:
        label = f"lowest testing loss: epoch {rows[best].epoch:,}"
        axes.plot(epoch[best], test_loss[best], "*", color=VERMILLION, markersize=12, label=label)
    losses = np.append(train_loss, test_loss)
    _set_log_axis(axes, losses, 10 * max(train_loss[0], test_loss[0]))
    low, high = axes.get_ylim()
    beyond = int(np.sum((losses < low) | (losses > high)))
    look.note_points_outside(axes, "losses", beyond, len(losses), (np.tile(epoch, 2), losses))
    look.add_legend(figure, axes)
    return figure


def draw_validation(
    rows: list[validation.Repeat], limit: float | None, info: SamplesInfo, size: Size, title: str
) -> Figure:
    """The MAE of each repeated training, and its range over the last epochs.

    Lines show the median, the baseline and the limit. The axis spans about six decades at most. A
    note counts the trainings that diverged.
    """
    if not rows:
        return look.new_note(size, validation.summary(rows))
    figure, (axes,) = look.new_picture(size, title, ["seed"], [f"held-out MAE of {info.target}"])
    done = [row for row in rows if row.mae is not None]
    seed, mae, low, high = np.array([row[:4] for row in done], np.float64).reshape(-1, 4).T
    middle = np.median([row.error for row in rows])
    baseline = np.median([row.baseline_mae for row in rows])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.vlines(seed, low, high, color=BLUE)
    axes.plot(seed, mae, "o", color=BLUE, markersize=5, label="a training and its range")
    axes.axhline(middle, color=BLUE, linestyle="--", label=f"median training: {number(middle, 4)}")
    axes.axhline(baseline, color=VERMILLION, label=f"always the median of y: {number(baseline, 4)}")
    if limit:
        axes.axhline(limit, color=GREEN, linestyle=":", label=f"limit: {number(limit)}")
    shown = np.array([*high, *low, baseline, *([limit] if limit else [])])
    _set_log_axis(axes, shown, 1000 * max(baseline, limit or 0))
    bottom, top = axes.get_ylim()
    outside = sum(not bottom <= row.error <= top for row in rows)
    what = "trainings diverged and" if outside == len(rows) - len(done) else "trainings"
    look.note_points_outside(axes, what, outside, len(rows))
    look.add_legend(figure, axes)
    return figure


def _set_log_axis(axes: Axes, values: Floats, most: float) -> None:
    """Sets a logarithmic Y axis for the values up to `most`; it spans about six decades at most."""
    top = look.step_above(min(float(values.max()), most))
    bottom = look.step_below(np.clip(values[values > 0].min(initial=top), top / 1e6, top))
    axes.set(ylim=(bottom, top), yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if top <= 1000 * bottom else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def draw_landscape(
    rows: list[Epoch], train: Pair, loss: str, of: LossOf, size: Size, title: str
) -> Figure:
    """The training loss of each line in a grid, and the path that training took.

    Of many samples, about 1,000 give the loss. Rows without a weight give only a small note.
    loss: the name of the loss; of: the loss of each residual.
    """
    if rows[0].weight is None:
        return look.new_note(size, "no loss landscape: the model is not a line in one feature")
    figure, (axes,) = look.new_picture(size, title, ["weight"], ["bias"])
    X, y = look.thin(look.MAX_DOTS, *train)
    weights, biases = grid_around(X, y, standardized=rows[0].y_std is not None)
    values = losses_of_lines(of, X, y, weights, biases)
    # The loss of a line that fits exactly is 0, which a logarithmic scale cannot show.
    values = np.maximum(values, values.max() / 1e4)
    levels = np.geomspace(values.min(), values.max(), 25)
    filled = axes.contourf(weights, biases, values, levels, norm=LogNorm(), extend="min")
    figure.colorbar(
        filled, label=f"training loss ({loss})", ticks=LogLocator(subs=(1, 2, 5)), format="%g"
    )
    weight, bias = np.array([(row.weight, row.bias) for row in rows], np.float64).T
    axes.plot(weight, bias, "o-", color="white", markersize=3)
    # Label the first and last dot: the lower one below, the upper one above, without overlap.
    up, down = (-1, 0) if bias[0] <= bias[-1] else (0, -1)
    for i, align in ((up, "bottom"), (down, "top")):
        label = f"\nepoch {rows[i].epoch}\n"
        # Far outside the axes, `axes.text` overflows the font renderer; `annotate` draws nothing.
        axes.annotate(
            label, (weight[i], bias[i]), color="white", ha="center", va=align, clip_on=True
        )
    axes.set(xlim=(weights[0], weights[-1]), ylim=(biases[0], biases[-1]))
    left, right, low, high = axes.axis()
    beyond = np.sum((weight < left) | (weight > right) | (bias < low) | (bias > high))
    look.note_points_outside(axes, "points of the path", int(beyond), len(rows))
    return figure


def grid_around(X: Floats, y: Floats, standardized: bool) -> tuple[Floats, Floats]:
    """The weights and the biases of the landscape, 101 of each, ascending; X, y: (n,).

    They reach 1 beyond zero, near where models start, and 1 beyond the least-squares line, near
    where training should end. They depend only on the data, so two trainings can be compared.
    standardized: the model sees standardised X and y, so the 1 and the zero are in their units.
    """
    spread = np.square(X - X.mean()).mean()
    weight = ((X - X.mean()) * (y - y.mean())).mean() / spread if spread else 0.0
    bias, zero, reach, reach_of_bias = y.mean() - weight * X.mean(), 0.0, 1.0, 1.0
    if standardized:
        zero, reach = y.mean(), (y.std() or 1) / (X.std() or 1)
        reach_of_bias = (y.std() or 1) + reach * abs(X.mean())
    return (
        np.linspace(min(0, weight) - reach, max(0, weight) + reach, 101),
        np.linspace(min(zero, bias) - reach_of_bias, max(zero, bias) + reach_of_bias, 101),
    )


def losses_of_lines(of: LossOf, X: Floats, y: Floats, weights: Floats, biases: Floats) -> Floats:
    """The mean loss over (X, y) of the line with each bias (row) and each weight (column)."""
    return np.array([of(biases[:, None] + w * X - y).mean(axis=-1) for w in weights]).T
