"""A run of the whole pipeline from nothing, compared with the committed results."""

from typing import NamedTuple

from plumbline.core.errors import UserError
from plumbline.lint.declared import entries
from plumbline.review.diffs import metrics_diff_after_run
from plumbline.review.gate import Rules, is_number, other_device
from plumbline.review.git import Checkout
from plumbline.review.lock import output_hashes
from plumbline.review.pictures import differing_share


class Difference(NamedTuple):
    """A result that the run gave otherwise: how, and whether that is within the tolerances."""

    what: str
    how: str
    within: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


def reproduce(checkout: Checkout, rules: Rules) -> list[Difference]:
    """Runs every stage in the checkout; the result is empty if all bytes are the same.

    Other bytes of an output that is no metric and no picture are no failure: the metrics and the
    pictures that are made from it tell how far it is off. Where another kind of device trained,
    a metric without a tolerance is shown, and no failure either.
    """
    committed = output_hashes(checkout.stages("dvc.lock", checkout.head))
    try:
        checkout.dvc("repro", "--force", "--quiet")
    except UserError as error:
        return [Difference("dvc repro failed", str(error), within=False)]
    again = output_hashes(checkout.stages("dvc.lock"))
    metrics = entries(checkout.stages("dvc.yaml", checkout.head), "metrics")
    found: list[Difference] = []
    for path in sorted(path for path in again if committed.get(path) != again[path]):
        kept = checkout.read(checkout.head, path)
        if path in metrics:
            found += _differing_metrics(checkout, rules, path)
        elif kept is None or not path.endswith(".png"):
            found.append(Difference(path, "other bytes", within=True))
        else:
            share = differing_share(kept, (checkout.path / path).read_bytes())
            how = f"{share:.3%} of the pixels differ"
            found.append(Difference(path, how, share <= rules.pictures.tolerance))
    return found


def _differing_metrics(checkout: Checkout, rules: Rules, path: str) -> list[Difference]:
    """The metrics in the file that differ; the file itself if only its layout does."""
    changes = metrics_diff_after_run(checkout, path)
    device = other_device(changes)
    found = []
    for name, old, new in changes:
        how, within = f"{old} -> {new}", False
        if device and name == device.name:
            how, within = f"trained on {old}, this run on {new}", True
        elif is_number(old) and is_number(new):
            metric = rules.metrics.get(name)
            how += f", by {abs(new - old):.3g}"
            within = abs(new - old) <= metric.tolerance if metric else device is not None
        found.append(Difference(f"{path}: {name}", how, within))
    return found or [Difference(path, "other bytes, the same numbers", within=False)]
