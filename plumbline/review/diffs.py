"""DVC's answers about a checkout and another commit, in an order that does not vary."""

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from plumbline.core.errors import UserError
from plumbline.review.gate import Change
from plumbline.review.git import Checkout


def metrics_diff(checkout: Checkout, base: str) -> list[Change]:
    """Every metric in the base and in the head of the checkout."""
    with open_repo(checkout) as repo:
        answer = repo.metrics.diff(base, checkout.head, all=True)
        # DVC's repository may begin above the project, and hold others.
        inside = _in_repo(repo, checkout, "")
        return _changes(answer, "" if inside == "." else f"{inside}/")


def metrics_diff_after_run(checkout: Checkout, path: str) -> list[Change]:
    """The metrics of one file that a run in the checkout changed."""
    with open_repo(checkout) as repo:
        targets = [_in_repo(repo, checkout, path)]
        return _changes(repo.metrics.diff(checkout.head, targets=targets))


def params_diff(checkout: Checkout, base: str, path: str) -> list[Change]:
    """The values in one file that changed."""
    with open_repo(checkout) as repo:
        targets = [_in_repo(repo, checkout, path)]
        return _changes(repo.params.diff(base, checkout.head, targets=targets))


def status(checkout: Checkout) -> dict[str, list[Any]]:
    """The changes that DVC finds since the stages ran, by stage."""
    with open_repo(checkout) as repo:
        stages: dict[str, list[Any]] = repo.status()
        return stages


@contextmanager
def open_repo(checkout: Checkout) -> Iterator[Any]:
    """DVC's view of the checkout; UserError with DVC's reason if it has no answer."""
    # The working tree keeps its own state, with the hashes of its data.
    config = {"core": {"site_cache_dir": str(checkout.site)}} if checkout.head else None
    try:
        # DVC's paths are relative to the working folder.
        with chdir(checkout.path), Repo(".", uninitialized=True, config=config) as repo:
            yield repo
    except DvcException as error:
        raise UserError(str(error)) from None


def _in_repo(repo: Any, checkout: Checkout, path: str) -> str:
    """The path of the project's file in DVC's repository."""
    return Path(os.path.relpath(checkout.path / path, repo.root_dir)).as_posix()


def _changes(answer: dict[str, Any], folder: str = "") -> list[Change]:
    """The changes in the files below the folder."""
    return [
        Change(name, values.get("old"), values.get("new"))
        for path, changes in sorted(answer.get("diff", {}).items())
        if Path(path).as_posix().startswith(folder)
        for name, values in sorted(changes.items())
    ]
