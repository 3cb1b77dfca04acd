"""The verdict on a change, from repeated trainings before and after it."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

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
