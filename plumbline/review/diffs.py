"""DVC's answers about a checkout and another commit, in an order that does not vary."""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.review import lock
from plumbline.review.gate import GATE, Change, Measured, Rules, load_rows
from plumbline.review.git import HERE, Checkout


def measure(checkout: Checkout, base: str, rules: Rules) -> Measured:
    """What the checkout and the commit `base` measured, in the order of the rules."""
    for commit in (base, checkout.head):
        lock.load(checkout, commit)  # refuses a lock that is cut, of which DVC would only warn
    metrics = metrics_diff(checkout, base, checkout.head)
    check_names(rules, metrics)
    order = {name: i for i, name in enumerate(rules.metrics)}
    metrics.sort(key=lambda change: order.get(change.name, len(order)))
    return Measured(metrics, load_rows(checkout, base), load_rows(checkout, checkout.head))


def check_names(rules: Rules, metrics: list[Change]) -> None:
    """UserError for a rule whose metric is in no revision and in no script, such as a typo.

    A stage may leave out a metric: only a line has a weight.
    """
    scripts = {Path(path) for stage in declared.read(Path()).values() for path in stage.code}
    texts = [p.read_text(encoding="utf-8", errors="replace") for p in scripts if p.is_file()]
    known = {name for text in texts for name in re.findall(r"""["'](\w+)["']""", text)}
    known |= {change.name for change in metrics}
    for name in sorted(rules.metrics.keys() - known):
        near = get_close_matches(name, sorted(known), 1)
        cure = f"did you mean {near[0]}?" if near else "remove the rule"
        raise UserError(f"{GATE}: {name}: no revision and no stage has such a metric; {cure}")


def metrics_diff(checkout: Checkout, *commits: str, path: str = "") -> list[Change]:
    """Every metric of the project, or of one file, in two commits; in one and the checkout."""
    with open_repo(checkout) as repo:
        return _changes(repo, checkout, repo.metrics.diff(*commits, all=True), path)


def params_diff(checkout: Checkout, base: str, path: str) -> list[Change]:
    """The values in one file that changed since the commit `base`."""
    with open_repo(checkout) as repo:
        targets = [os.path.relpath(checkout.path / path, repo.root_dir)]
        answer = repo.params.diff(base, checkout.head, targets=targets)
        return _changes(repo, checkout, answer, path)


def status(checkout: Checkout) -> dict[str, list[Any]]:
    """The changes that DVC finds since the stages ran, by stage."""
    with open_repo(checkout) as repo:
        stages: dict[str, list[Any]] = repo.status()
        return stages


def tracked(checkout: Checkout, paths: Iterable[str]) -> dict[str, str]:
    """The hashes of those of the paths that `dvc add` tracks.

    The hash of a file in a tracked folder is empty if the cache does not have the folder.
    """
    found: dict[str, str] = {}
    with open_repo(checkout, _storage()) as repo:
        for out in [out for out in repo.index.outs if out.stage.is_data_source]:
            root = Path(os.path.relpath(out.fs_path, checkout.path)).as_posix()
            tree = out.get_obj() if out.is_dir_checksum else None
            below = tree.as_list() if tree else []
            hashes = {f"{root}/{file['relpath']}": file["md5"] for file in below}
            hashes[root] = out.hash_info.value
            inside = [path for path in paths if path == root or path.startswith(f"{root}/")]
            found |= {path: hashes.get(path, "") for path in inside}
    return found


def pull(checkout: Checkout, paths: list[str]) -> None:
    """Puts tracked data into the checkout, from the repository's own cache or its remote."""
    try:
        with open_repo(checkout, _storage()) as repo:
            repo.pull(targets=[str(checkout.path / path) for path in paths])
    except UserError:
        names = ", ".join(path for path in paths if not (checkout.path / path).exists())
        where = "not in the cache, and dvc pull does not bring it"
        raise UserError(f"{names}: {where}; dvc push it from where it is") from None


def _storage() -> dict[str, Any]:
    """The cache and the remotes of the repository that the process runs in."""
    with open_repo(HERE) as repo:
        cache = {"dir": repo.cache.local_cache_dir, "type": ["hardlink", "copy"]}
        core = {key: name for key, name in repo.config["core"].items() if key == "remote"}
        return {"cache": cache, "core": core, "remote": repo.config["remote"]}


def differing_data() -> Iterator[str]:
    """A line for each file of data in the working folder that is from a different run or commit."""
    with open_repo(HERE) as repo:
        # DVC's repository may begin above the project, and hold others.
        outs = [out for out in repo.index.outs if Path(out.fs_path).is_relative_to(Path.cwd())]
        for out in outs:
            if out.use_cache and "modified" in out.status().values():
                keep = "dvc add it to keep it, or " if out.stage.is_data_source else ""
                yield f"{out} on disk is not the one of this commit; {keep}dvc checkout"


def cache_folder() -> Path:
    """The cache of the repository that the process runs in."""
    with open_repo(HERE) as repo:
        return Path(repo.cache.local.path)


@contextmanager
def open_repo(checkout: Checkout, config: dict[str, Any] | None = None) -> Iterator[Any]:
    """DVC's view of the checkout, with this configuration; UserError if DVC has no answer."""
    config = config or {}
    logging.disable(logging.WARNING)
    if checkout.head:  # the working folder keeps its own state, with the hashes of its data
        config["core"] = {**config.get("core", {}), "site_cache_dir": str(checkout.dvc_site)}
    try:
        # DVC's paths are relative to the working folder.
        with chdir(checkout.path), Repo(".", uninitialized=True, config=config) as repo:
            yield repo
    except (DvcException, ImportError) as error:  # a kind of remote may need another package
        cause = error.__cause__
        reasons = [error, getattr(cause, "problem", cause)]  # where YAML is wrong
        raise UserError(": ".join(str(reason) for reason in reasons if reason)) from None


def _changes(repo: Any, checkout: Checkout, answer: dict[str, Any], path: str) -> list[Change]:
    """The changes in the file, or below the folder, of the project."""
    # DVC's repository may begin above the project, and hold others.
    inside = Path(os.path.relpath(checkout.path / path, repo.root_dir))
    return [
        Change(name, values.get("old"), values.get("new"))
        for file, changes in sorted(answer.get("diff", {}).items())
        if inside in (Path(file), *Path(file).parents)
        for name, values in sorted(changes.items())
    ]
