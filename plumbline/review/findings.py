"""The content of a report: the changes from a base to a head, and whether the head holds."""

from typing import NamedTuple

from plumbline import history
from plumbline.core.errors import UserError
from plumbline.core.params import PARAMS
from plumbline.lint import declared
from plumbline.review import diffs, lock, staleness
from plumbline.review.change import Change
from plumbline.review.gate import GATE, Rules
from plumbline.review.git import Checkout
from plumbline.review.pictures import Picture, changed_pictures
from plumbline.review.reproduction import Difference, reproduce


class Findings(NamedTuple):
    """The changes from a base to a head, and whether the head's committed results hold.

    same_data: whether training and testing samples are the base's, so that metrics compare.
    sources: the files that changed and that no stage makes, such as scripts and tables. risen:
    how the head's training loss rose; empty if it fell. params, rules: the values that changed in
    params.yaml and in gate.yaml. stages: the fate of each, by name. problems: of the lock.
    differences: of a run from nothing; None without a run.
    """

    metrics: list[Change]
    same_data: bool
    sources: list[str]
    risen: str
    params: list[Change]
    rules: list[Change]
    stages: dict[str, str]
    pictures: list[Picture]
    problems: list[str]
    differences: list[Difference] | None

    @property
    def changed(self) -> bool:
        """True if there is a change to show."""
        metrics = [change for change in self.metrics if change.old != change.new]
        ran = set(self.stages.values()) - {"skipped"}
        return bool(metrics or self.params or self.rules or ran or self.pictures)

    @property
    def hold(self) -> bool:
        """True if the committed results are those of the pipeline, as far as that was tested."""
        return not self.problems and all(d.within for d in self.differences or [])


def find(checkout: Checkout, base: str, rules: Rules, full: bool) -> Findings:
    """The findings on the checkout against the commit `base`; `full`: with a run from nothing."""
    # A cut lock is refused before DVC warns of it.
    old, new = (lock.locked_stages(checkout, c) for c in (base, checkout.head))
    metrics = diffs.metrics_diff(checkout, base)
    order = {name: i for i, name in enumerate(rules.metrics)}
    return Findings(
        metrics=sorted(metrics, key=lambda change: order.get(change.name, len(order))),
        same_data=lock.same_data(old, new),
        sources=lock.changed_sources(old, new),
        risen=risen(checkout),
        params=diffs.params_diff(checkout, base, str(PARAMS)),
        rules=diffs.params_diff(checkout, base, str(GATE)),
        stages=lock.stage_changes(old, new),
        pictures=changed_pictures(checkout, base),
        problems=staleness.problems(checkout),
        differences=reproduce(checkout, rules) if full else None,
    )


def risen(checkout: Checkout) -> str:
    """How the training loss rose, by the head's history; empty if it fell, or without a history."""
    stages = checkout.stages("dvc.yaml", checkout.head)
    train = {name: stages[name] for name in {"train"} & stages.keys()}
    paths = [checkout.path / path for path in declared.entries(train, "plots")]
    try:
        return "".join(history.did_not_learn(history.load(path)) for path in paths)
    except (UserError, OSError):
        return ""
