"""The content of a report: the changes from a base to a head, and whether the head holds."""

from contextlib import suppress
from typing import Any, NamedTuple

from plumbline import history
from plumbline.core.errors import UserError
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.lint.declared import entries
from plumbline.review import diffs, lock
from plumbline.review.gate import BASELINE, GATE, Change, Measured, Rules, is_number
from plumbline.review.git import Checkout
from plumbline.review.page import Picture, changed_pictures
from plumbline.review.reproduction import Difference, problems, reproduce

NO_BETTER = "the model is not better than a constant, the median of y"


class Findings(NamedTuple):
    """The changes from a base to a head, and whether the head's committed results hold.

    sources: the files that changed and that no stage makes, such as scripts and tables. risen: how
    the head's training loss rose; empty if it fell. notes: what else the head's metrics hide.
    params, rules: the values that changed in params.yaml and in gate.yaml. versions: the packages
    that stages ran with in different versions. stages: what became of each. problems: of the lock.
    differences: of a clean run; None without one.
    """

    measured: Measured
    sources: list[str]
    risen: str
    notes: list[str]
    params: list[Change]
    versions: list[Change]
    rules: list[Change]
    stages: dict[str, str]
    pictures: list[Picture]
    problems: list[str]
    differences: list[Difference] | None

    @property
    def changed(self) -> bool:
        """True if there is a change to show."""
        metrics = [change for change in self.measured.metrics if change.old != change.new]
        ran = set(self.stages.values()) - {"skipped"}
        return bool(metrics or self.params or self.versions or self.rules or ran or self.pictures)

    @property
    def results_match(self) -> bool:
        """True if the committed results are those of the pipeline, as far as that was tested."""
        return not self.problems and all(d.within for d in self.differences or [])


def find(checkout: Checkout, base: str, rules: Rules, full: bool) -> Findings:
    """The findings on the checkout against the commit `base`; full: with a clean run."""
    measured = diffs.measure(checkout, base, rules)
    old, new = (lock.load_declared(checkout, commit) for commit in (base, checkout.head))
    rows = _history(checkout)
    return Findings(
        measured=measured,
        sources=lock.changed_sources(old, new),
        risen=history.loss_rise(rows) if rows else "",
        notes=notes(rows, measured),
        params=diffs.params_diff(checkout, base, str(PARAMS)),
        versions=version_changes(old, new),
        rules=diffs.params_diff(checkout, base, str(GATE)),
        stages=lock.stage_changes(old, new),
        pictures=changed_pictures(checkout, base),
        problems=problems(checkout),
        differences=reproduce(checkout, rules) if full else None,
    )


def version_changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """The packages that stages ran with in different versions; old, new: dvc.lock's entries."""
    before, after = (
        {
            name: version
            for entry in stages.values()
            for name, version in entry.get("params", {}).get(str(VERSIONS), {}).items()
        }
        for stages in (old, new)
    )
    names = sorted(name for name in before if after.get(name, before[name]) != before[name])
    return [Change(name, before[name], after[name]) for name in names]


def moved_digits(metrics: list[Change]) -> list[tuple[int, str]]:
    """The first digit in which each number differs, and its name; the largest differences first."""
    return sorted(
        (next(d for d in range(1, 18) if f"{old:.{d}g}" != f"{new:.{d}g}"), name)
        for name, old, new in metrics
        if is_number(old) and is_number(new) and old != new
    )


def _history(checkout: Checkout) -> list[history.Epoch]:
    """The rows of the head's training; none if no plot is a history."""
    for path in entries(checkout.stages("dvc.yaml", checkout.head), "plots"):
        with suppress(UserError):
            return history.load(checkout.path / path)
    return []


def notes(rows: list[history.Epoch], measured: Measured) -> list[str]:
    """What the head's numbers of one training hide, a sentence each; rows: of its history."""
    found = [history.loss_swing(rows), history.loss_fall(rows)] if rows else []
    repeated = measured.head or []
    bad = sum(row.error >= row.baseline_mae for row in repeated)
    if repeated and 2 * bad >= len(repeated):
        found.append(f"in {bad} of {len(repeated)} trainings {NO_BETTER}")
    new = {change.name: change.new for change in measured.metrics}
    errors: list[Any] = [new.get(name) for name in ("test_mae", BASELINE)]
    if all(map(is_number, errors)) and errors[0] >= errors[1]:
        found.append(f"on the testing samples {NO_BETTER}")
    return [note[0].upper() + note[1:] for note in found if note]
