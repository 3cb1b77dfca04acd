"""What DVC answers about a clone and another commit; an order that does not vary is added."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from typing import Any, NamedTuple

from dvc.exceptions import DvcException  # type: ignore[import-untyped]
from dvc.repo import Repo  # type: ignore[import-untyped]

from plumbline.pipeline.outputs import declared
from plumbline.review.git import Clone


class Change(NamedTuple):
    """A metric or parameter in two revisions; None where there is none. It may be of any type."""

    name: str
    old: Any
    new: Any


def metrics_diff(clone: Clone, base: str) -> list[Change]:
    """Every metric in the base and in the head of the clone."""
    with asked(clone) as repo:
        return _changes(repo.metrics.diff(base, clone.head, all=True))


def metrics_since(clone: Clone, path: str) -> list[Change]:
    """The metrics of one file that a run in the clone changed."""
    with asked(clone) as repo:
        return _changes(repo.metrics.diff(clone.head, targets=[path]))


def params_diff(clone: Clone, base: str, path: str) -> list[Change]:
    """The values in one file that changed."""
    with asked(clone) as repo:
        return _changes(repo.params.diff(base, clone.head, targets=[path]))


def pictures(clone: Clone, commit: str) -> dict[str, bytes]:
    """The content of each picture that a stage of the commit draws, by its path."""
    drawn = list(declared(clone.stages(commit, "dvc.yaml"), "plots"))
    if not drawn:
        return {}
    with asked(clone) as repo:
        shown = repo.plots.show(targets=drawn, revs=[commit]).get(commit, {})
    sources = shown.get("sources", {}).get("data", {})
    return {
        path: file["data"] for path, file in sources.items() if isinstance(file.get("data"), bytes)
    }


def status(clone: Clone) -> dict[str, list[Any]]:
    """What DVC finds changed since the stages ran, by stage."""
    with asked(clone) as repo:
        stages: dict[str, list[Any]] = repo.status()
        return stages


@contextmanager
def asked(clone: Clone) -> Iterator[Any]:
    """DVC's view of the clone; ValueError with its reason where it has no answer."""
    config = {"core": {"site_cache_dir": str(clone.site)}}
    try:
        # DVC's paths are relative to the folder that it is asked in.
        with chdir(clone.path), Repo(".", uninitialized=True, config=config) as repo:
            yield repo
    except DvcException as error:
        raise ValueError(str(error)) from None


def _changes(answer: dict[str, Any]) -> list[Change]:
    return [
        Change(name, values.get("old"), values.get("new"))
        for _, changes in sorted(answer.get("diff", {}).items())
        for name, values in sorted(changes.items())
    ]
