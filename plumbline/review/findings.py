"""The findings on a change, which a report shows."""

from typing import Any, NamedTuple

from plumbline import history
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.review import lock
from plumbline.review.gate import BASELINE, GATE, Rules, check_names
from plumbline.review.git import Checkout
from plumbline.review.measured import Change, Measured, is_number, measure, read_changes
from plumbline.review.page import Picture, changed_pictures
from plumbline.review.reproduction import Difference, problems, reproduce

NO_BETTER = "the model is not better than a constant, the median of y"


class Findings(NamedTuple):
    """The changes from a base to a head, and the checks of the head's results."""

    base: Measured
    head: Measured
    sources: list[str]  # changed inputs that no stage produces, such as scripts and tables
    loss_rise: str  # how the head's training loss rose; empty if it fell
    notes: list[str]  # warnings, in Markdown
    params: list[Change]  # in params.yaml
    versions: list[Change]  # of the packages that both revisions have
    rules: list[Change]  # in gate.yaml
    stages: dict[str, str]  # by name: removed, new, ran or skipped
    pictures: list[Picture]  # those that changed
    problems: list[str]  # why dvc.lock does not match the head
    differences: list[Difference] | None  # from a clean run's results; None without a clean run

    @property
    def changed(self) -> bool:
        """True if there is a change to show."""
        metrics = self.base.metrics != self.head.metrics
        ran = set(self.stages.values()) - {"skipped"}
        return bool(metrics or self.params or self.versions or self.rules or ran or self.pictures)

    @property
    def results_match(self) -> bool:
        """True if dvc.lock matches the head, and the clean run (if any) gave the same results."""
        return not self.problems and all(d.within for d in self.differences or [])


def find(checkout: Checkout, base: str, rules: Rules, full: bool) -> Findings:
    """The findings on the checkout compared with the commit `base`; full: with a clean run."""
    before, after = measure(checkout, base), measure(checkout, checkout.head)
    check_names(rules, {**before.metrics, **after.metrics})
    old, new = (lock.load_declared(checkout, commit) for commit in (base, checkout.head))
    return Findings(
        base=before,
        head=after,
        sources=lock.changed_sources(old, new),
        loss_rise=history.loss_rise(after.epochs) if after.epochs else "",
        notes=notes(before, after),
        params=read_changes(checkout, base, PARAMS),
        versions=[c for c in read_changes(checkout, base, VERSIONS) if None not in (c.old, c.new)],
        rules=read_changes(checkout, base, GATE),
        stages=lock.stage_changes(old, new),
        pictures=changed_pictures(checkout, base),
        problems=problems(checkout),
        differences=reproduce(checkout, rules) if full else None,
    )


def notes(base: Measured, head: Measured) -> list[str]:
    """A sentence for each warning about the head, with "As before" if base's history has it too."""
    before, facts = (history.warnings(side.epochs) if side.epochs else {} for side in (base, head))
    found = [
        f"{'as before, ' * (cure in before.values())}{fact}: {cure}"
        for fact, cure in facts.items()
        if head.epochs and fact != history.loss_rise(head.epochs)
    ]
    repeats = head.repeats or []
    bad = sum(row.error >= row.baseline_mae for row in repeats)
    if repeats and 2 * bad >= len(repeats):
        found.append(f"in {bad} of {len(repeats)} trainings {NO_BETTER}")
    errors: list[Any] = [head.metrics.get(name) for name in ("test_mae", BASELINE)]
    if all(map(is_number, errors)) and errors[0] >= errors[1]:
        found.append(f"on the testing samples {NO_BETTER}")
    return [f"{note[0].upper()}{note[1:]}." for note in found]
