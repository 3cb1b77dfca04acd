"""Whether a change is better or worse: the verdict, and the rules of gate.yaml."""

import math
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from plumbline import validation
from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml
from plumbline.lint.declared import entries
from plumbline.review.git import Checkout, parse_stages
from plumbline.validation import Row

TOLERANCE = 0.01  # a smaller relative difference of two errors does not count
FEWEST = 6  # pairs, and pairs that differ
AGREE = 9  # of ten pairs that differ
FEWEST_HELD_OUT = 5  # samples

Word = Literal[
    "worse", "better", "no clear difference", "too few to judge", "not compared", "not judged"
]


class Verdict(NamedTuple):
    """A word for programs and a sentence for people; better, worse, equal: the numbers of pairs.

    moved: the median over the pairs of the relative change of the error; negative is better.
    """

    word: Word
    sentence: str
    better: int = 0
    worse: int = 0
    equal: int = 0
    moved: float = 0.0


def compare(base: Sequence[Row] | None, head: Sequence[Row] | None) -> Verdict:
    """The verdict on `head` against `base`: rows of a validation, none for one training only.

    One training is one draw: its error depends on the first weights, on the samples that happen to
    be held out, and on the epoch at which it stops (Bouthillier et al., "Accounting for Variance in
    Machine Learning Benchmarks", MLSys 2021). So the trainings of both sides are compared in pairs
    with the same seed, the same split and the same y, which takes out most of that noise. That the
    samples are the same shows in the baseline, which depends on y and on the split alone: it has to
    agree in every pair. Another model or another feature leaves it as it is.

    The pairs share samples, so they are not independent, and a test against a fair coin is too
    bold (Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003).
    Between two models that are equally good, a sign test names a winner in 29 to 37 % of data
    sets. So more is asked for: at least six pairs differ, nine tenths of these agree, and the
    median of all pairs moves the same way. A pair differs if the error moved by more than 1 %.
    A training that diverged is worse than any number, and two of them do not differ.
    """
    if not base or not head:
        return Verdict("not judged", "Not judged: one training only")
    before = {row.seed: row for row in base}
    pairs = [(before[row.seed], row) for row in head if row.seed in before]
    if any(old.baseline_mae != new.baseline_mae for old, new in pairs):
        return Verdict("not compared", "Not compared: other samples, or another split")
    if len(pairs) < FEWEST:
        got = f"{len(pairs)} pairs of trainings, {FEWEST} needed"
        return Verdict("too few to judge", f"Too few to judge: {got}")
    held_out = min(row.held_out for pair in pairs for row in pair)
    if held_out < FEWEST_HELD_OUT:
        got = f"{held_out} held-out samples, {FEWEST_HELD_OUT} needed"
        return Verdict("too few to judge", f"Too few to judge: {got}")

    changes = [_relative_change(old.error, new.error) for old, new in pairs]
    better = sum(change < -TOLERANCE for change in changes)
    worse = sum(change > TOLERANCE for change in changes)
    equal, moved = len(pairs) - better - worse, median(changes)
    word: Word = "no clear difference"
    if better + worse >= FEWEST:
        if 10 * better >= AGREE * (better + worse) and moved < -TOLERANCE:
            word = "better"
        if 10 * worse >= AGREE * (better + worse) and moved > TOLERANCE:
            word = "worse"
    diverged = sum(new.mae is None for _, new in pairs)
    sentence = _sentence(word, better, worse, equal, moved)
    sentence += f"; {diverged} diverged" if diverged else ""
    return Verdict(word, sentence, better, worse, equal, moved)


def _relative_change(old: float, new: float) -> float:
    """The change as a part of the old error; -1 is the limit for an infinite old error."""
    if old == new:
        return 0.0
    if math.isinf(old):
        return -1.0
    return (new - old) / old if old else math.inf


def _sentence(word: Word, better: int, worse: int, equal: int, moved: float) -> str:
    total = better + worse + equal
    same = f", the same in {equal}" if equal else ""
    if not better and not worse:
        return f"No clear difference: the same in all {total} trainings"
    if word == "no clear difference":
        return (
            f"No clear difference: better in {better} of {total} trainings, worse in {worse}{same}"
        )
    agree, other, opposite = better, worse, "worse"
    if word == "worse":
        agree, other, opposite = worse, better, "better"
    rest = (f", {opposite} in {other}" if other else "") + same
    return f"{word.capitalize()} in {agree} of {total} trainings{rest}{_by(moved)}"


def _by(moved: float) -> str:
    """The median change in words; nothing for a change from or to a training that diverged."""
    if moved == -1 or math.isinf(moved):
        return ""
    if moved >= 1:
        return f", to {1 + moved:.2g} times the error"
    return ", by half" if 0.475 <= abs(moved) < 0.525 else f", by {abs(moved):.0%}"


GATE = Path("gate.yaml")
# The metric that is judged by its repeated trainings. Every other one is of one training.
REPEATED = "validation_mae"
# The metric that is a text: the kind of device that trained, such as cpu or cuda.
DEVICE = "device"

Tolerance = Annotated[float, Meta(ge=0)]


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule for one metric; gate.yaml says what each key means."""

    better: Literal["lower", "higher", "neither"]
    tolerance: Tolerance
    limit: float | None = None
    decides: bool = False


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tolerance: Tolerance


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metrics: dict[str, Metric]
    pictures: Pictures

    @property
    def deciding(self) -> list[str]:
        return [name for name, metric in self.metrics.items() if metric.decides]


class Change(NamedTuple):
    """A metric or a parameter in two revisions, of any type; None in one that does not have it."""

    name: str
    old: Any
    new: Any


def other_device(metrics: list[Change]) -> Change | None:
    """The change of the kind of device that trained; None if it is the same, or not recorded.

    The last digits of two kinds of device differ, so only tolerances compare them.
    """
    for change in metrics:
        if change.name == DEVICE and change.old and change.new and change.old != change.new:
            return change
    return None


class Measured(NamedTuple):
    """The metrics and the repeated trainings of a base and a head.

    same_data: False if the training or testing samples differ, so that one training's metrics are
    not compared. base, head: the rows of their validations; None without one.
    """

    metrics: list[Change]
    same_data: bool
    base: list[validation.Row] | None
    head: list[validation.Row] | None


def load_rules() -> Rules:
    """The rules of the working tree's gate.yaml; UserError names what is wrong, and where."""
    raw, where = parse_yaml(GATE.read_bytes(), GATE), str(GATE)
    try:
        # First each metric, because msgspec does not say in which metric it found an error.
        for name, metric in msgspec.convert(raw, dict[str, dict[str, Any]])["metrics"].items():
            where = f"{GATE}: {name}"
            _check(name, msgspec.convert(metric, Metric), where)
        where = str(GATE)
        rules = msgspec.convert(raw, Rules)
    except (msgspec.ValidationError, KeyError) as error:
        raise UserError(f"{where}: {error}") from None
    if not rules.deciding:
        raise UserError(f"{GATE}: wanted decides: true for a metric at least, got none")
    return rules


def _check(name: str, metric: Metric, where: str) -> None:
    if metric.better == "neither" and (metric.limit is not None or metric.decides):
        raise UserError(f"{where}: wanted better: lower or higher beside limit or decides")
    if name == REPEATED and metric.better != "lower":
        raise UserError(f"{where}: wanted better: lower, since it is an error")
    # A model that was chosen by the testing samples does as well on no others.
    if name.startswith("test_") and (metric.limit is not None or metric.decides):
        raise UserError(
            f"{where}: wanted no limit and no decides, because samples that choose a model cannot "
            f"test it; move them to {REPEATED}"
        )


def check_names(rules: Rules, metrics: list[Change]) -> None:
    """UserError for a rule whose metric no revision has and no stage can give, as in a typo."""
    known = {change.name for change in metrics} | {*validation.METRICS} | _names_in_stages()
    for name in sorted(rules.metrics.keys() - known):
        near = get_close_matches(name, sorted(known), 1)
        cure = f"did you mean {near[0]}?" if near else "remove the rule"
        raise UserError(f"{GATE}: {name}: no revision and no stage has such a metric; {cure}")


def _names_in_stages() -> set[str]:
    """The quoted names in the working tree's scripts of the stages that write metrics.

    A stage may leave out a metric: only a line has a weight.
    """
    found = set()
    for stage in parse_stages("dvc.yaml", Path("dvc.yaml").read_bytes()).values():
        for path in entries({"": stage}, "deps") if stage.get("metrics") else []:
            if path.endswith(".py") and Path(path).is_file():
                text = Path(path).read_text(encoding="utf-8", errors="replace")
                found |= {*re.findall(r"""["'](\w+)["']""", text)}
    return found


def load_rows(checkout: Checkout, commit: str) -> list[validation.Row] | None:
    """The repeated trainings in the commit, or in the folder if that is empty; None without them.

    The file is the one among the plots of dvc.yaml that has the columns of a validation.
    """
    for path in entries(checkout.stages("dvc.yaml", commit), "plots"):
        if path.endswith(".csv") and (commit or (checkout.path / path).is_file()):
            content = checkout.read(commit, path) or b""
            if content.startswith(",".join(validation.Row._fields).encode()):
                return validation.parse(content, path)
    return None


def is_number(value: Any) -> bool:
    """True for a number that can be judged; nan, inf and booleans cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def decisions(rules: Rules, measured: Measured) -> dict[str, Verdict]:
    """The verdict on each metric that decides, by its name; one that nobody has is left out."""
    changes = {change.name: change for change in measured.metrics}
    found = {}
    for name in rules.deciding:
        if name == REPEATED:
            found[name] = compare(measured.base, measured.head)
        elif name in changes:
            _, old, new = changes[name]
            found[name] = judge(rules.metrics[name], old, new, measured.same_data)
    return found


def judge(metric: Metric, old: Any, new: Any, same_data: bool = True) -> Verdict:
    """The verdict on a metric of one training; one that is gone, or no finite number, got worse."""
    word: Word = "no clear difference"
    if not is_number(new):
        word = "worse"
    elif not is_number(old):
        word = "not judged"
    elif not same_data:
        word = "not compared"
    elif abs(new - old) > metric.tolerance:
        word = "better" if (new < old) == (metric.better == "lower") else "worse"
    sentence = f"{word.capitalize()}, by one training: {old} -> {new}"
    if not is_number(new):
        sentence += f" (wanted a finite number; without the metric, remove its rule from {GATE})"
    return Verdict(word, sentence)


def beyond_limits(rules: Rules, measured: Measured) -> Iterator[str]:
    """A line for each metric of the head that is on the wrong side of its limit, or is no number.

    If half of the repeated trainings diverged, their median is infinite and metrics.json lacks it.
    """
    values = {change.name: change.new for change in measured.metrics}
    if measured.head and values.get(REPEATED) is None:
        values[REPEATED] = math.inf
    for name, metric in rules.metrics.items():
        value = values.get(name)
        if metric.limit is None or not isinstance(value, int | float):
            continue
        if not (value <= metric.limit if metric.better == "lower" else value >= metric.limit):
            yield f"{name} is beyond its limit: {value:g} (limit {metric.limit:g})"


def failures(rules: Rules, measured: Measured) -> list[str]:
    """A line for each reason that closes the gate: a metric that is worse, or beyond its limit."""
    verdicts = decisions(rules, measured).items()
    worse = [f"{name}: {verdict.sentence}" for name, verdict in verdicts if verdict.word == "worse"]
    return [*worse, *beyond_limits(rules, measured)]
