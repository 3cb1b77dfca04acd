"""Distinguishes edits of comments, docstrings and layout from edits of code."""

import ast
import json
import re
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from plumbline.lint.declared import scripts
from plumbline.review.git import Checkout, checkout_of, find_commit
from plumbline.review.lock import input_hashes, md5

Code = dict[str, bytes]  # the content of each script, by its path
HAVE_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
READ_DOCSTRINGS = re.compile(rb"__doc__|getdoc|doctest")  # found in code that may read docstrings


def comment_edits(checkout: Checkout, locked: dict[str, Any]) -> dict[str, str]:
    """Maps each stage to its edited scripts, if only comments changed since the stage ran.

    The code that ran is searched for in HEAD and in the last two commits that changed dvc.lock.
    """
    now = {name: _read(checkout.path, entry) for name, entry in locked.items()}
    stale = {n: e for n, e in locked.items() if _run_with(now[n], e) != _run_with({}, e)}
    log = ("log", "-2", "--format=%H", checkout.head or "HEAD", "--", "dvc.lock")
    commits = [find_commit("HEAD"), *checkout.git(*log).decode().split()] if stale else []
    found: dict[str, str] = {}
    for commit in dict.fromkeys(commits):
        with checkout_of(commit) as folder:
            before = folder.stages("dvc.lock")
            for name, entry in stale.items():
                then = _read(folder.path, entry)
                # After `accept`, the hashes of the code that ran are only in the commit's dvc.lock.
                ran = _run_with({}, entry), _run_with({}, before.get(name, {}))
                if _run_with(then, entry) in ran and same_code(then, now[name]):
                    edited = sorted(path for path, text in then.items() if text != now[name][path])
                    found.setdefault(name, ", ".join(edited) or "its scripts")
    return found


def same_code(old: Code, new: Code) -> bool:
    """True if the syntax trees are equal; compares docstrings only if a script may read them."""
    keep = bool(READ_DOCSTRINGS.search(b"".join([*old.values(), *new.values()])))
    edited = [path for path, text in old.items() if text != new.get(path)]
    with suppress(KeyError, SyntaxError, ValueError, RecursionError, MemoryError):
        before, after = ([_tree(code[path], keep) for path in edited] for code in (old, new))
        return old.keys() == new.keys() and before == after
    return False


def _tree(script: bytes, keep: bool) -> str:
    """The script's syntax tree as text; keep: with its docstrings."""
    tree = ast.parse(script)
    for node in ast.walk(tree):
        if not keep and isinstance(node, HAVE_DOCSTRINGS) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def _read(root: Path, entry: dict[str, Any]) -> Code:
    """The scripts among the dependencies of an entry of dvc.lock."""
    paths = chain(*(scripts(root, path) for path in input_hashes(entry)))
    return {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}


def _run_with(code: Code, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of dvc.lock as if its stage had run with these scripts; deps are without sizes."""
    return {**entry, "deps": {p: _hash(p, code) or old for p, old in input_hashes(entry).items()}}


def _hash(path: str, code: Code) -> str:
    """DVC's hash of a script, or of a folder that has only scripts; empty if `code` has none."""
    if path in code:
        return md5(code[path])
    names = sorted(name for name in code if name.startswith(f"{path}/"))
    files = [{"md5": md5(code[name]), "relpath": name[len(path) + 1 :]} for name in names]
    return f"{md5(json.dumps(files).encode())}.dir" if files else ""
