"""Edits of comments, docstrings and layout, told apart from edits of code."""

import ast
import re
from typing import Any

from dvc_data.hashfile.build import build
from dvc_data.hashfile.tree import Tree

from plumbline.lint import declared
from plumbline.review import diffs
from plumbline.review.git import Checkout, checkout_of, find_commit

HAVE_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Where code has one of these, a docstring may change a result.
READ_DOCSTRINGS = re.compile(rb"__doc__|getdoc|doctest")


def same_code(old: bytes, new: bytes, docstrings: bool) -> bool:
    """True if both scripts have the same syntax tree; docstrings: whether they count."""
    try:
        return _dump(old, docstrings) == _dump(new, docstrings)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def commented(checkout: Checkout, locked: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """The scripts of which comments alone changed, by dependency and the hash with which it ran.

    A dependency is a script or a folder of scripts; without an edit, or with one of code, it is
    not there. The version that ran is looked for in HEAD and the last commits of dvc.lock.
    """
    files = [file for entry in locked.values() for file in entry.get("deps", [])]
    paths = {file["path"] for file in files}
    now = _versions(checkout, {path for path in paths if declared.scripts(checkout.path, path)})
    ran = {(f["path"], f["md5"]) for f in files if now.get(f["path"], (f["md5"],))[0] != f["md5"]}
    log = ("log", "-2", "--format=%H", checkout.head or "HEAD", "--", "dvc.lock")
    commits = [find_commit("HEAD"), *checkout.git(*log).decode().split()] if ran else []
    found: dict[tuple[str, str], list[str]] = {}
    for commit in dict.fromkeys(commits):
        if ran <= found.keys():
            break
        with checkout_of(commit) as folder:
            before = _versions(folder, {path for path, _ in ran})
        versions = [*now.values(), *before.values()]
        docstrings = any(READ_DOCSTRINGS.search(b"".join(code.values())) for _, code in versions)
        for path, (md5, old) in before.items():
            new = now[path][1]
            edited = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            same = (
                n in old
                and n in new
                and n.endswith(".py")
                and same_code(old[n], new[n], docstrings)
                for n in edited
            )
            if (path, md5) in ran and all(same):
                found[path, md5] = edited
    return found


def _versions(checkout: Checkout, paths: set[str]) -> dict[str, tuple[str, dict[str, bytes]]]:
    """The hash that DVC gives each path that exists, and the content of its files by path."""
    found = {}
    with diffs.open_repo(checkout) as repo:
        for path in [path for path in paths if (checkout.path / path).exists()]:
            place, options = str(checkout.path / path), {"dry_run": True, "ignore": repo.dvcignore}
            _, _, entry = build(repo.cache.local, place, repo.fs, "md5", **options)
            below = entry.as_list() if isinstance(entry, Tree) else [{"relpath": ""}]
            names = [f"{path}/{file['relpath']}".rstrip("/") for file in below]
            code = {name: (checkout.path / name).read_bytes() for name in names}
            found[path] = str(entry.hash_info.value), code
    return found


def _dump(script: bytes, docstrings: bool) -> str:
    tree = ast.parse(script)
    for node in ast.walk(tree):
        if isinstance(node, HAVE_DOCSTRINGS) and not docstrings:
            match node.body:
                case [ast.Expr(ast.Constant(str())), *_]:
                    del node.body[0]
    return ast.dump(tree)
