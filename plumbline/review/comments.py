"""Edits of comments, docstrings and layout, told apart from edits of code."""

import ast
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

from plumbline.lint.declared import scripts
from plumbline.review.git import Checkout, checkout_of, find_commit
from plumbline.review.lock import md5

Code = dict[str, bytes]  # the content of each script, by its path
HAVE_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Where code has one of these, a docstring may change a result.
READ_DOCSTRINGS = re.compile(rb"__doc__|getdoc|doctest")


def commented(checkout: Checkout, locked: dict[str, Any]) -> dict[str, str]:
    """The names of each stage's edited scripts, if only comments changed since it ran.

    The version that ran is looked for in HEAD and in the last two commits of dvc.lock.
    """
    now = {name: _read(checkout.path, entry) for name, entry in locked.items()}
    stale = [name for name, entry in locked.items() if not _ran(entry, now[name])]
    log = ("log", "-2", "--format=%H", checkout.head or "HEAD", "--", "dvc.lock")
    commits = [find_commit("HEAD"), *checkout.git(*log).decode().split()] if stale else []
    found: dict[str, str] = {}
    for commit in dict.fromkeys(commits):
        with checkout_of(commit) as folder:
            before = folder.stages("dvc.lock")
            then = {name: _read(folder.path, locked[name]) for name in stale}
        for name in stale:
            entry, old, code = locked[name], before.get(name, {}), then[name]
            # `accept` may have put hashes into dvc.lock that no commit has.
            accepted = _but_code(entry, code) == _but_code(old, code) and _ran(old, code)
            if (accepted or _ran(entry, code)) and same_code(code, now[name]):
                edited = sorted(path for path, text in code.items() if text != now[name][path])
                found.setdefault(name, ", ".join(edited) or "its scripts")
    return found


def same_code(old: Code, new: Code) -> bool:
    """True if the syntax trees are the same; docstrings count if a script may read them."""
    texts = b"".join([*old.values(), *new.values()])
    dump = ast.dump if READ_DOCSTRINGS.search(texts) else _dump_without_docstrings
    try:
        return old.keys() == new.keys() and all(
            dump(ast.parse(text)) == dump(ast.parse(new[path]))
            for path, text in old.items()
            if text != new[path]
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _dump_without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, HAVE_DOCSTRINGS):
            match node.body:
                case [ast.Expr(ast.Constant(str())), *_]:
                    del node.body[0]
    return ast.dump(tree)


def _read(root: Path, entry: dict[str, Any]) -> Code:
    """The scripts that the entry of dvc.lock depends on."""
    paths = chain(*(scripts(root, file["path"]) for file in entry.get("deps", [])))
    return {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}


def _ran(entry: dict[str, Any], code: Code) -> bool:
    """True if the stage ran with this code."""
    return all(_hash(f["path"], code) in {"", f.get("md5")} for f in entry.get("deps", []))


def _but_code(entry: dict[str, Any], code: Code) -> dict[str, Any]:
    """The entry without its scripts."""
    return {**entry, "deps": [f for f in entry.get("deps", []) if not _hash(f["path"], code)]}


def _hash(path: str, code: Code) -> str:
    """DVC's hash of a script, or of a folder that has only scripts; empty if it has none."""
    if path.endswith(".py"):
        return md5(code.get(path, b""))
    names = sorted(name for name in code if name.startswith(f"{path}/"))
    files = [{"md5": md5(code[name]), "relpath": name[len(path) + 1 :]} for name in names]
    return f"{md5(json.dumps(files, sort_keys=True).encode())}.dir" if files else ""
