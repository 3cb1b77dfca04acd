"""Edits of comments, docstrings and layout are accepted without a run, and no edit of code is."""

import ast
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from plumbline.review.comments import same_code
from tests.support.clone import Clone
from tests.support.exercise import ROOT

SCRIPTS = {path: path.read_text("utf-8") for path in sorted(ROOT.glob("stages/*.py"))}
SCRIPTS |= {path: path.read_text("utf-8") for path in sorted(ROOT.glob("plumbline/[cdit]*/*.py"))}


def mutate(tree: ast.Module, draw: random.Random) -> None:
    """Changes one number, operator, name or list in the tree, unless it draws something else."""
    fields = [(node, name) for node in ast.walk(tree) for name, _ in ast.iter_fields(node)]
    node, name = draw.choice(fields)
    match getattr(node, name):
        case bool() | None:
            return
        case int() | float() as value:
            setattr(node, name, value + 1)
        case str() as value if not isinstance(node, ast.Constant):
            setattr(node, name, f"{value}_")
        case ast.operator():
            setattr(node, name, ast.FloorDiv())
        case [ast.cmpop()]:
            setattr(node, name, [ast.GtE()])
        case [*values]:  # statements, arguments, defaults, decorators, imports
            setattr(node, name, values[::-1] if len(values) > 1 else [])


def same(old: str | bytes, new: str | bytes) -> bool:
    old, new = (text.encode() if isinstance(text, str) else text for text in (old, new))
    return same_code({"a.py": old}, {"a.py": new})


@pytest.mark.all
def test_none_of_a_thousand_mutations_is_taken_for_a_comment() -> None:
    draw = random.Random(1)  # noqa: S311
    texts = [ast.unparse(ast.parse(text)) for text in SCRIPTS.values()]
    mutants = 0
    while mutants < 1000:
        text = draw.choice(texts)
        tree = ast.parse(text)
        mutate(tree, draw)
        with suppress(ValueError):  # some trees have no text
            mutant = ast.unparse(ast.fix_missing_locations(tree))
            mutants += mutant != text
            assert mutant == text or not same(text, mutant), mutant


def comment(text: str, draw: random.Random) -> str:
    """The script after an edit that changes only comments, docstrings or layout."""
    kind = draw.choice(["# Another word.\n", "\n\n", "# The end.\n", "docstring", "unparse"])
    if kind == "docstring":
        return text.replace('"""', '"""In other words: ', 1)
    if kind == "unparse":
        return ast.unparse(ast.parse(text)) + "\n"
    lines, body = text.splitlines(keepends=True), ast.parse(text).body
    lines.insert(draw.choice(body[1:]).lineno - 1, kind)
    return "".join(lines)


@pytest.mark.slow
def test_two_hundred_edits_of_comments_docstrings_and_layout_are_recognised() -> None:
    draw = random.Random(1)  # noqa: S311
    for _ in range(200):
        text = draw.choice([*SCRIPTS.values()])
        edited = comment(text, draw)
        assert edited != text
        assert same(text, edited)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x: int = 1", "x: float = 1"),
        ("import a, b", "import b, a"),
        ("x = 1", "x = 1.0"),
        ("def f():\n  'doc'\n  'text'", "def f():\n  'doc'\n  'other'"),
        ("x = 1", "x = ("),
        ("# -*- coding: latin-1 -*-\nx = 'é'", "# -*- coding: utf-8 -*-\nx = 'é'"),
        ("'One.'\nx = __doc__", "'Two.'\nx = __doc__"),
        ("def f():\n  'One.'\nx = getdoc(f)", "def f():\n  'Two.'\nx = getdoc(f)"),
    ],
)
def test_an_edit_that_may_change_a_result_is_code(old: str, new: str) -> None:
    assert not same(old, new)


def test_another_script_is_code() -> None:
    assert not same_code({"a.py": b""}, {"a.py": b"", "b.py": b""})


def accept(clone: Clone) -> tuple[int, list[str]]:
    done = clone.try_run("python", "-m", "plumbline", "accept")
    return done.returncode, done.stdout.splitlines()


CORE, PLOT = (
    ("plumbline/core/files.py", '"""', '"""So: '),
    ("stages/plot.py", "\n\n\n", "\n\n\n# A.\n"),
)


@pytest.mark.slow
def test_accepted_comments_cost_no_run_and_change_no_output(clone: Clone) -> None:
    before = clone.digests()
    clone.edit(*CORE)
    said = "accept: only comments changed in"
    assert accept(clone) == (0, [f"{said} plumbline/core/files.py"])
    for edit in (CORE, PLOT):  # more of them, before the first ones are committed
        clone.edit(*edit)
    assert accept(clone)[0] == 0
    assert accept(clone) == (0, ["accept: nothing to accept"])
    clone.commit("Comments")
    assert clone.repro() == []
    clone.run("python", "-m", "plumbline", "check")
    after = clone.digests()
    assert before.pop("dvc.lock") != after.pop("dvc.lock")
    assert before == after


def run_uncommitted_code(clone: Clone) -> None:
    """A run of code that git does not have, with the same results, and then a comment."""
    clone.edit("stages/plot.py", "\n\n\n", "\n\n\nNUMBER = 1\n")
    clone.reproduce("plot")
    clone.edit(*PLOT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda clone: clone.edit("stages/plot.py", "import ", "import os, "),
            "plot: stages/plot.py is modified; dvc repro",
        ),
        (
            run_uncommitted_code,
            "plot: stages/plot.py is modified; dvc repro",
        ),
        (
            lambda clone: clone.set_params({"plot.dpi": 90}),
            "plot: params.yaml: plot is modified; dvc repro",
        ),
        (
            lambda clone: (clone.path / "models/verify.json").write_text("{}"),
            "verify: models/verify.json is modified; dvc repro",
        ),
        (
            lambda clone: (clone.path / "data/test.safetensors").unlink(),
            "data/test.safetensors: wanted the data, got none; dvc pull",
        ),
        (
            lambda clone: (clone.path / "plumbline/core/new.py").write_text(""),
            "is modified; dvc repro",
        ),
    ],
)
def test_anything_else_is_named_and_nothing_is_accepted(
    clone: Clone, change: Callable[[Clone], Any], line: str
) -> None:
    clone.edit(*CORE)
    change(clone)
    lock = (clone.path / "dvc.lock").read_bytes()
    status, (said,) = accept(clone)
    assert status == 1
    assert said.endswith(line)
    assert (clone.path / "dvc.lock").read_bytes() == lock
