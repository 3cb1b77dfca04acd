"""What DVC reports about a checkout, and about the data in the working folder."""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from plumbline.core.errors import UserError
from plumbline.core.files import digest
from plumbline.review.git import HERE, Checkout


def status(checkout: Checkout) -> dict[str, list[Any]]:
    """The changes since each stage ran, by stage, as `dvc status` reports them."""
    with open_repo(checkout) as repo:
        stages: dict[str, list[Any]] = repo.status()
        return stages


def tracked_hashes(checkout: Checkout, paths: Iterable[str]) -> dict[str, str]:
    """The hashes, by path, of those `paths` that `dvc add` tracks.

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
    """Puts tracked data into the checkout, from the cache or the remote of the repository."""
    try:
        with open_repo(checkout, _storage()) as repo:
            repo.pull(targets=[str(checkout.path / path) for path in paths])
    except UserError as error:
        names = ", ".join(path for path in paths if not (checkout.path / path).exists())
        where = f"neither in the cache nor in the remote ({error})"
        raise UserError(f"{names}: {where}; type dvc push in a clone that has it") from None


def _storage() -> dict[str, Any]:
    """DVC's settings for the cache and the remotes of the repository in the working folder."""
    with open_repo(HERE) as repo:
        cache = {"dir": repo.cache.local_cache_dir, "type": ["hardlink", "copy"]}
        core = {key: name for key, name in repo.config["core"].items() if key == "remote"}
        return {"cache": cache, "core": core, "remote": repo.config["remote"]}


def stale_data() -> Iterator[str]:
    """A line for each data file in the working folder that is from a different run or commit."""
    with open_repo(HERE) as repo:
        # DVC's repository may be a folder above the project that also contains other projects.
        outs = [out for out in repo.index.outs if Path(out.fs_path).is_relative_to(Path.cwd())]
        for out in outs:
            if out.use_cache and "modified" in out.status().values():
                keep = "dvc add it to keep it, or " if out.stage.is_data_source else ""
                yield f"{out} on disk is not from this commit; {keep}dvc checkout to replace it"


def damaged_objects(hashes: dict[str, str]) -> Iterator[str]:
    """A line, with the cure, for each output whose content in the cache does not match its hash.

    DVC does not check an object whose file is read-only. hashes: the MD5 of each output, by path.
    """
    with open_repo(HERE) as repo:
        cache = Path(repo.cache.local.path)
    for output, md5 in sorted(hashes.items()):
        stored = cache / md5[:2] / md5[2:]
        if stored.is_file() and digest(stored, "md5") != md5.removesuffix(".dir"):
            yield f"{output}: damaged in the cache; delete it and {stored}, then dvc repro"


@contextmanager
def open_repo(checkout: Checkout, config: dict[str, Any] | None = None) -> Iterator[Any]:
    """The checkout opened by DVC with this configuration; UserError if DVC fails."""
    config = config or {}
    logging.disable(logging.WARNING)
    if checkout.head:  # for the working folder, DVC's own site_cache_dir already has the hashes
        config["core"] = {**config.get("core", {}), "site_cache_dir": str(checkout.dvc_site)}
    try:
        # DVC resolves paths relative to the working folder of the process.
        with chdir(checkout.path), Repo(".", uninitialized=True, config=config) as repo:
            yield repo
    except (DvcException, ImportError) as error:  # a remote may need one more package
        cause = error.__cause__
        reasons = [error, getattr(cause, "problem", cause)]  # `problem`: the mistake in a YAML file
        raise UserError(": ".join(str(reason) for reason in reasons if reason)) from None
