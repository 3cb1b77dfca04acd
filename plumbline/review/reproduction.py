"""A run of the whole pipeline from nothing, compared with what is committed."""

from typing import NamedTuple

from plumbline.pipeline.outputs import declared, hashes
from plumbline.review import diffs as answers
from plumbline.review.git import Clone
from plumbline.review.pixels import differing
from tools.gate import Gate, is_number


class Difference(NamedTuple):
    """What came out otherwise: how far, and whether that is within the tolerances."""

    what: str
    how: str
    within: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


def reproduce(clone: Clone, gate: Gate) -> list[Difference]:
    """Runs every stage in the clone, whatever is cached; empty if all bytes are the same.

    Of an output that git does not keep, only the hash is committed: that it differs is said, and
    how far, the metrics and the pictures that were made from it tell.
    """
    committed = hashes(clone.stages(clone.head, "dvc.lock"))
    try:
        clone.dvc("repro", "--force", "--quiet")
    except ValueError as error:
        return [Difference("dvc repro failed", str(error), within=False)]
    again = hashes(clone.stages_now("dvc.lock"))
    metrics = declared(clone.stages(clone.head, "dvc.yaml"), "metrics")
    found: list[Difference] = []
    for path in sorted(path for path in again if committed.get(path) != again[path]):
        kept = clone.read(clone.head, path)
        if path in metrics:
            found += _metrics(clone, gate, path)
        elif kept is None:
            found.append(Difference(path, "other bytes", within=True))
        else:
            share = differing(kept, (clone.path / path).read_bytes())
            how = f"{share:.3%} of the pixels differ"
            found.append(Difference(path, how, share <= gate.pictures.tolerance))
    return found


def _metrics(clone: Clone, gate: Gate, path: str) -> list[Difference]:
    """The metrics in the file that differ; the file itself if only its layout does."""
    found = []
    for name, old, new in answers.metrics_since(clone, path):
        how, within = f"{old} -> {new}", False
        if is_number(old) and is_number(new):
            metric = gate.metrics.get(name)
            how += f", by {abs(new - old):.3g}"
            within = metric is not None and abs(new - old) <= metric.tolerance
        found.append(Difference(f"{path}: {name}", how, within))
    return found or [Difference(path, "other bytes, the same numbers", within=False)]
