"""Edits of comments, docstrings and layout are accepted without a run, and no edit of code is."""

import ast
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType
from typing import Any

import pytest

from plumbline.review.comments import same_code
from tests.support.clone import Clone
from tests.support.exercise import ROOT

SCRIPTS = {path: path.read_text("utf-8") for path in sorted(ROOT.glob("stages/*.py"))}
SCRIPTS |= {path: path.read_text("utf-8") for path in sorted(ROOT.glob("plumbline/[cdit]*/*.py"))}


def compiled(code: CodeType) -> list[Any]:
    """What Python would run, without docstrings and line numbers."""
    consts = [compiled(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code, consts, code.co_names, code.co_varnames, code.co_name]


def run_by_python(text: str) -> list[Any]:
    return compiled(compile(text, "script", "exec", optimize=2, dont_inherit=True))


def mutations(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Edits that each change one thing in the tree when they are called."""
    nodes = [*ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            yield from function_mutations(node)
        for name, change in CHANGES.items():
            if type(node).__name__ == name:
                yield lambda node=node, change=change: change(node)
    yield lambda: tree.body.insert(1, tree.body.pop())


def function_mutations(node: ast.FunctionDef) -> Iterator[Callable[[], None]]:
    yield lambda: node.body.append(ast.Return(ast.Constant(1)))
    yield lambda: setattr(node, "returns", ast.Constant("other"))
    if node.args.defaults:
        yield lambda: setattr(node.args, "defaults", [ast.Constant(7)])
    if node.decorator_list:
        yield lambda: setattr(node, "decorator_list", node.decorator_list[1:])


def other_value(node: Any) -> None:
    if isinstance(node.value, int | float):
        node.value += 1


CHANGES: dict[str, Callable[[Any], None]] = {
    "Constant": other_value,
    "BinOp": lambda node: node.__dict__.update(left=node.right, right=node.left),
    "Compare": lambda node: setattr(node, "ops", [ast.Gt(), *node.ops[1:]]),
    "BoolOp": lambda node: node.values.reverse(),
    "Name": lambda node: setattr(node, "id", node.id + "_"),
    "arg": lambda node: setattr(node, "annotation", ast.Constant("other")),
    "Attribute": lambda node: setattr(node, "attr", node.attr + "_"),
    "alias": lambda node: setattr(node, "asname", "other"),
}


@pytest.mark.slow
def test_none_of_a_thousand_mutations_is_taken_for_a_comment() -> None:
    draw = random.Random(1)  # noqa: S311
    texts = [ast.unparse(ast.parse(text)) for text in SCRIPTS.values()]
    code = {text: run_by_python(text) for text in texts}
    mutants, different = 0, 0
    while mutants < 1000:
        text = draw.choice(texts)
        tree = ast.parse(text)
        draw.choice([*mutations(tree)])()
        mutant = ast.unparse(ast.fix_missing_locations(tree))
        with suppress(SyntaxError):
            different += run_by_python(mutant) != code[text]
            if mutant != text:
                mutants += 1
                assert not same_code(text.encode(), mutant.encode(), docstrings=False), mutant
    assert different > 800


def comment(text: str, draw: random.Random) -> str:
    """The script after an edit that changes only comments, docstrings or layout."""
    lines = text.splitlines(keepends=True)
    kind = draw.choice(["comment", "end", "blank", "docstring", "unparse"])
    statements = [n.lineno - 1 for n in ast.parse(text).body]
    if kind == "comment":
        lines.insert(draw.choice(statements[1:]), "# Another word.\n")
    elif kind == "blank":
        lines.insert(draw.choice(statements[1:]), "\n\n")
    elif kind == "end":
        lines[ast.parse(text).body[-1].end_lineno - 1] += "# The end.\n"  # type: ignore[operator]
    elif kind == "docstring":
        return text.replace('"""', '"""In other words: ', 1)
    else:
        return ast.unparse(ast.parse(text)) + "\n"
    return "".join(lines)


@pytest.mark.slow
def test_two_hundred_edits_of_comments_docstrings_and_layout_are_recognised() -> None:
    draw = random.Random(1)  # noqa: S311
    for _ in range(200):
        text = draw.choice([*SCRIPTS.values()])
        edited = comment(text, draw)
        assert edited != text
        assert same_code(text.encode(), edited.encode(), docstrings=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x: int = 1", "x: float = 1"),
        ("import a, b", "import b, a"),
        ("x = 1", "x = 1.0"),
        ("def f():\n  'doc'\n  'text'", "def f():\n  'doc'\n  'other'"),
        ("x = 1", "x = ("),
        ("# -*- coding: latin-1 -*-\nx = 'é'", "# -*- coding: utf-8 -*-\nx = 'é'"),
    ],
)
def test_an_edit_that_may_change_a_result_is_code(old: str, new: str) -> None:
    assert not same_code(old.encode(), new.encode(), docstrings=False)


def test_a_docstring_that_the_code_reads_is_code() -> None:
    old, new = b'"""One."""\nx = 1', b'"""Two."""\nx = 1'
    assert same_code(old, new, docstrings=False)
    assert not same_code(old, new, docstrings=True)


def accept(clone: Clone) -> tuple[int, list[str]]:
    done = clone.try_run("python", "-m", "plumbline", "accept")
    return done.returncode, done.stdout.splitlines()


@pytest.mark.slow
def test_accepted_comments_cost_no_run_and_change_no_output(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    before = clone.digests()
    clone.edit("plumbline/core/files.py", '"""', '"""In other words: ')
    clone.edit("stages/plot.py", "\n\n\n", "\n\n\n# A comment.\n")
    clone.commit("Comments")
    said = "accept: only comments changed in"
    assert accept(clone) == (0, [f"{said} plumbline/core/files.py", f"{said} stages/plot.py"])
    assert clone.repro() == []
    assert clone.try_run("python", "-m", "plumbline", "check").returncode == 0
    after = clone.digests()
    assert before.pop("dvc.lock") != after.pop("dvc.lock")
    assert before == after


def edit_code(clone: Clone) -> None:
    clone.edit("plumbline/core/files.py", '"""', '"""In other words: ')
    clone.edit("stages/plot.py", "import ", "import os, ")


def read_docstring(clone: Clone) -> None:
    clone.edit("stages/plot.py", '"""', '"""In other words: ')
    clone.edit("stages/split.py", "\n\n\n", "\n\n\n# Reads __doc__.\n")


def comment_with(edit: Callable[[Clone], None]) -> Callable[[Clone], None]:
    def make(clone: Clone) -> None:
        clone.edit("stages/plot.py", "\n\n\n", "\n\n\n# A comment.\n")
        edit(clone)

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (edit_code, "plot: stages/plot.py is modified; dvc repro"),
        (read_docstring, "plot: stages/plot.py is modified; dvc repro"),
        (
            comment_with(lambda clone: clone.set_params({"plot.dpi": 90})),
            "plot: params.yaml: plot is modified; dvc repro",
        ),
        (
            comment_with(lambda clone: (clone.path / "models/verify.json").write_text("{}")),
            "verify: models/verify.json is modified; dvc repro",
        ),
        (
            comment_with(lambda clone: (clone.path / "data/test.safetensors").unlink()),
            "data/test.safetensors: wanted the data, got none; dvc pull",
        ),
        (
            lambda clone: (clone.path / "plumbline/core/new.py").write_text(""),
            "plumbline/core is modified; dvc repro",
        ),
    ],
)
def test_anything_else_is_named_and_nothing_is_accepted(
    reproduced: Clone,
    copy_of: Callable[[Clone], Clone],
    edit: Callable[[Clone], Any],
    line: str,
) -> None:
    clone = copy_of(reproduced)
    edit(clone)
    lock = (clone.path / "dvc.lock").read_bytes()
    status, (said,) = accept(clone)
    assert status == 1
    assert said.endswith(line)
    assert (clone.path / "dvc.lock").read_bytes() == lock
