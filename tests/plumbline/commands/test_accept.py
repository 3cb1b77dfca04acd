"""Edits of comments, docstrings and layout are accepted without a run; edits of code are not."""

import ast
import random
from contextlib import suppress

import pytest

from plumbline.review.comments import same_code
from tests.support.clone import Clone
from tests.support.exercise import ROOT

PATHS = [*sorted(ROOT.glob("stages/*.py")), *sorted(ROOT.glob("plumbline/[cdit]*/*.py"))]
SCRIPTS = [path.read_text("utf-8") for path in PATHS]


def mutate(tree: ast.Module, draw: random.Random) -> None:
    """Draws one field of the tree, and changes it if it is a number, operator, name or list."""
    fields = [(node, name) for node in ast.walk(tree) for name, _ in ast.iter_fields(node)]
    node, name = draw.choice(fields)
    old = new = getattr(node, name)
    match old:
        case int() | float():
            new = old + 1
        case str() if not isinstance(node, ast.Constant):
            new = f"{old}_"
        case ast.operator():
            new = ast.FloorDiv()
        case [ast.cmpop()]:
            new = [ast.GtE()]
        case [*values]:  # statements, arguments, defaults, decorators, imports
            new = values[::-1] if len(values) > 1 else []
    setattr(node, name, new)


def same(old: str, new: str) -> bool:
    return same_code({"a.py": old.encode()}, {"a.py": new.encode()})


@pytest.mark.all
def test_none_of_a_thousand_edits_of_code_is_mistaken_for_a_comment() -> None:
    draw = random.Random(1)  # noqa: S311
    texts = [ast.unparse(ast.parse(text)) for text in SCRIPTS]
    mutants = 0
    while mutants < 1000:
        text = draw.choice(texts)
        tree = ast.parse(text)
        mutate(tree, draw)
        with suppress(ValueError):  # some mutated trees cannot be written as text
            mutant = ast.unparse(ast.fix_missing_locations(tree))
            mutants += mutant != text
            assert mutant == text or not same(text, mutant), mutant


def comment(text: str, draw: random.Random) -> str:
    """The script after an edit that changes only comments, docstrings or layout."""
    kind = draw.choice(["# Another word.\n", "\n\n", "docstring", "unparse"])
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
    for text in draw.choices(SCRIPTS, k=200):
        assert same(text, comment(text, draw))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x: int = 1", "x: float = 1"),
        ("x = 1", "x = 1.0"),
        ("def f():\n  'doc'\n  'text'", "def f():\n  'doc'\n  'other'"),
        ("x = 1", "x = ("),
        ("'One.'\nx = __doc__", "'Two.'\nx = __doc__"),
        ("def f():\n  'One.'\nx = getdoc(f)", "def f():\n  'Two.'\nx = getdoc(f)"),
    ],
)
def test_an_edit_that_may_change_a_result_is_an_edit_of_code(old: str, new: str) -> None:
    assert not same(old, new)


def test_an_added_script_is_an_edit_of_code() -> None:
    assert not same_code({"a.py": b""}, {"a.py": b"", "b.py": b""})


def accept(clone: Clone) -> tuple[int, list[str]]:
    done = clone.try_run("python", "-m", "plumbline", "accept")
    return done.returncode, done.stdout.splitlines()


CORE, PLOT = (
    ("plumbline/core/files.py", '"""', '"""So: '),
    ("stages/plot.py", "\n\n\n", "\n\n\n# A.\n"),
)


@pytest.mark.slow
def test_accepting_comments_runs_no_stage_and_changes_no_output(clone: Clone) -> None:
    before = clone.digests()
    clone.edit(*CORE)
    assert accept(clone) == (0, ["accept: only comments changed in plumbline/core/files.py"])
    for edit in (CORE, PLOT):  # the first edit is not committed yet
        clone.edit(*edit)
    assert accept(clone)[0] == 0
    assert accept(clone) == (0, ["accept: nothing to accept"])
    assert clone.repro() == []
    after = clone.digests()
    assert before.pop("dvc.lock") != after.pop("dvc.lock")
    assert before == after


@pytest.mark.slow
def test_a_comment_is_accepted_only_if_git_has_the_code_that_ran(clone: Clone) -> None:
    clone.edit("stages/plot.py", "\n\n\n", "\n\n\nNUMBER = 1\n")
    clone.set_params({"plot.dpi": 90})
    clone.reproduce("plot")
    # First a comment in HEAD's code, which did not run; then one in the code that ran.
    for old, new in [("NUMBER = 1\n", "# A.\n"), ("# A.\n", "NUMBER = 1\n# A.\n")]:
        clone.edit("stages/plot.py", old, new)
        line = "accept: dvc repro is needed: plot: stages/plot.py is modified"
        assert accept(clone) == (1, [line])
    clone.edit("stages/plot.py", "# A.\n", "")
    clone.run("git", "commit", "--quiet", "--message", "Code", "stages/plot.py")
    clone.edit(*PLOT)
    assert accept(clone) == (0, ["accept: only comments changed in stages/plot.py"])


@pytest.mark.slow
def test_nothing_is_accepted_without_the_data(clone: Clone) -> None:
    clone.edit(*CORE)
    (clone.path / "data/test.safetensors").unlink()
    before = clone.digests()
    line = "accept: data/test.safetensors: wanted the data, got none; dvc pull"
    assert accept(clone) == (1, [line])
    assert clone.digests() == before
