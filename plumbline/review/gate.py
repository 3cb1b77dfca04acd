"""The verdict on a change, such as better or worse, and the rules of gate.yaml."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from plumbline.core.command import number
from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml
from plumbline.core.params import Real
from plumbline.lint import declared
from plumbline.review.measured import Measured, has_changed, is_number
from plumbline.validation import METRICS, Repeat

GATE = Path("gate.yaml")
# This metric is judged by repeated trainings, and every other metric by its one value.
VALIDATED = "validation_mae"
# This metric depends only on the samples and their split.
BASELINE = "baseline_mae"
# This metric is a text: the type of device that ran the training, such as cpu or cuda.
DEVICE = "device"

TOLERANCE = 0.01  # two errors are equal if their relative difference is at most this
MIN_PAIRS = 6  # minimum number of pairs; better and worse also need this many that differ
MIN_AGREEING = 9  # of ten pairs that differ, this many must change in the same direction
MIN_HELD_OUT = 5  # minimum number of held-out samples in each training

Word = Literal[
    "worse", "better", "no clear difference", "too few to judge", "not compared", "not judged"
]
Tolerance = Annotated[float, Meta(ge=0)]


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule for one metric; gate.yaml explains each key."""

    better: Literal["lower", "higher", "neither"]
    tolerance: Tolerance
    limit: Real | None = None
    decides: bool = False


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tolerance: Tolerance


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metrics: dict[str, Metric]
    pictures: Pictures

    @property
    def deciding(self) -> list[str]:
        return [name for name, metric in self.metrics.items() if metric.decides]


class Verdict(NamedTuple):
    """A word for programs and a sentence for people; better, worse, equal: the numbers of pairs."""

    word: Word
    sentence: str
    better: int = 0
    worse: int = 0
    equal: int = 0


def load_rules() -> Rules:
    """The rules in the working tree's gate.yaml; UserError names the mistake and its metric."""
    raw, where = parse_yaml(GATE.read_bytes(), GATE), str(GATE)
    try:
        # Convert each metric by itself first, because msgspec's error does not name the metric.
        sections = msgspec.convert(raw, dict[str, dict[str, Any]])
        for name, metric in sections.get("metrics", {}).items():
            where = f"{GATE}: {name}"
            _check(name, msgspec.convert(metric, Metric), where)
        where = str(GATE)
        rules = msgspec.convert(raw, Rules)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {error}") from None
    if not rules.deciding:
        raise UserError(f"{GATE}: wanted decides: true for at least one metric, got none")
    return rules


def _check(name: str, metric: Metric, where: str) -> None:
    judges = metric.limit is not None or metric.decides
    if metric.better == "neither" and judges:
        raise UserError(f"{where}: wanted better: lower or higher, because limit or decides is set")
    if name == VALIDATED and metric.better != "lower":
        raise UserError(f"{where}: wanted better: lower, because it measures an error")
    if name in METRICS and name != VALIDATED and metric.decides:
        raise UserError(f"{where}: wanted no decides; only {VALIDATED} compares all repeats")
    # A model that is chosen by its error on the testing samples may do worse on others.
    if name.startswith("test_") and judges:
        raise UserError(
            f"{where}: wanted no limit and no decides, because samples used to choose a model "
            f"cannot test it; move these keys to {VALIDATED}"
        )


def check_names(rules: Rules, metrics: Iterable[str]) -> None:
    """UserError if neither a revision nor a script has a rule's metric, as after a typo.

    A script may write a metric that the revisions lack: two that train an mlp lack `weight`.
    """
    scripts = {Path(path) for stage in declared.read(Path()).values() for path in stage.code}
    texts = [p.read_text(encoding="utf-8", errors="replace") for p in scripts if p.is_file()]
    known = {name for text in texts for name in re.findall(r"""["'](\w+)["']""", text)}
    known.update(metrics)
    for name in sorted(rules.metrics.keys() - known):
        near = get_close_matches(name, sorted(known), 1)
        cure = f"did you mean {near[0]}?" if near else "remove the rule"
        raise UserError(f"{GATE}: {name}: no revision and no stage has this metric; {cure}")


def compare(base: Sequence[Repeat] | None, head: Sequence[Repeat] | None) -> Verdict:
    """The verdict on `head` compared with `base`; each is the rows of a validation, or None.

    Trainings with the same seed and samples are compared in pairs. A pair differs if its error
    changed by more than 1 %. `better` and `worse` need at least six pairs that differ, nine tenths
    of them in agreement, and a median change of all pairs of more than 1 % in this direction;
    docs/review.md explains why. Diverged trainings are equal, and worse than any number.
    """
    if not base or not head:
        return Verdict("not judged", "Not judged: one training only")
    before = {row.seed: row for row in base}
    pairs = [(before[row.seed], row) for row in head if row.seed in before]
    # The error of a constant depends only on y and on the split.
    if any(old.baseline_mae != new.baseline_mae for old, new in pairs):
        return Verdict("not compared", "Not compared: different samples, or a different split")
    held_out = min((row.held_out for pair in pairs for row in pair), default=0)
    for got, fewest, what in (
        (len(pairs), MIN_PAIRS, "pairs of trainings"),
        (held_out, MIN_HELD_OUT, "held-out samples"),
    ):
        if got < fewest:
            return Verdict("too few to judge", f"Too few to judge: {got} {what}, {fewest} needed")
    changes = [_relative_change(old.error, new.error) for old, new in pairs]
    better = sum(change < -TOLERANCE for change in changes)
    worse = sum(change > TOLERANCE for change in changes)
    counts = {"better": better, "worse": worse, "the same": len(pairs) - better - worse}
    word: Word = "no clear difference"
    if better + worse >= MIN_PAIRS:
        if 10 * better >= MIN_AGREEING * (better + worse) and median(changes) < -TOLERANCE:
            word = "better"
        if 10 * worse >= MIN_AGREEING * (better + worse) and median(changes) > TOLERANCE:
            word = "worse"
    first, *rest = sorted(filter(counts.get, counts), key=lambda name: name != word)
    sentence = f"{first} in {counts[first]} of {len(pairs)} trainings"
    sentence += "".join(f", {name} in {counts[name]}" for name in rest)
    if word == "no clear difference":
        sentence = f"{word}: {sentence}"
    else:
        old, new = (median(row.error for row in side) for side in zip(*pairs, strict=True))
        finite = max(old, new) < math.inf
        went = f"; the median error went from {number(old, 4)} to {number(new, 4)}"
        sentence += went if finite else ""
    diverged = sum(new.mae is None for _, new in pairs)
    sentence += f"; {diverged} diverged" if diverged else ""
    return Verdict(word, sentence[0].upper() + sentence[1:], *counts.values())


def _relative_change(old: float, new: float) -> float:
    """The change as a fraction of the old error; -1, its limit, if only `old` is infinite."""
    if old == new or math.isinf(old):
        return 0.0 if old == new else -1.0
    return (new - old) / old if old else math.inf


def decisions(rules: Rules, base: Measured, head: Measured) -> dict[str, Verdict]:
    """The verdict on each deciding metric, by name, if it is validation_mae or in a revision."""
    same_samples = not has_changed(base.metrics, head.metrics, BASELINE)
    found = {}
    for name in rules.deciding:
        old, new = base.metrics.get(name), head.metrics.get(name)
        if name == VALIDATED:
            found[name] = compare(base.repeats, head.repeats)
        elif old is not None or new is not None:
            found[name] = judge(rules.metrics[name], old, new, same_samples)
    return found


def judge(metric: Metric, old: Any, new: Any, same_samples: bool = True) -> Verdict:
    """The verdict on a metric of one training; worse if `new` is missing or not a finite number."""
    word: Word = "no clear difference"
    if not is_number(new):
        word = "worse"
    elif not is_number(old):
        word = "not judged"
    elif not same_samples:
        word = "not compared"
    elif abs(new - old) > metric.tolerance:
        word = "better" if (new < old) == (metric.better == "lower") else "worse"
    sentence = f"{word.capitalize()}, by one training: {old} -> {new}"
    if not is_number(new):
        sentence += f" (wanted a finite number; if the metric is gone, remove its rule from {GATE})"
    return Verdict(word, sentence)


def failures(rules: Rules, base: Measured, head: Measured) -> list[str]:
    """A line for each metric that closes the gate, because it is worse or beyond its limit."""
    verdicts = decisions(rules, base, head).items()
    worse = [f"{name}: {verdict.sentence}" for name, verdict in verdicts if verdict.word == "worse"]
    return [*worse, *beyond_limits(rules, head)]


def beyond_limits(rules: Rules, head: Measured) -> Iterator[str]:
    """A line for each metric that has a limit and is beyond it or nan.

    If metrics.json lacks validation_mae, it is infinite: half or more of the trainings diverged.
    """
    missing = {VALIDATED: math.inf} if head.repeats else {}
    values = missing | head.metrics
    for name, metric in rules.metrics.items():
        value = values.get(name)
        if metric.limit is None or not isinstance(value, int | float):
            continue
        if not (value <= metric.limit if metric.better == "lower" else value >= metric.limit):
            yield f"{name} is beyond its limit: {number(value)} (limit {number(metric.limit)})"
