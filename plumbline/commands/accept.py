"""Record edits of comments, docstrings and layout in dvc.lock, so that no stage runs for them.

Usage: python -m plumbline accept
"""

import logging
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.review import diffs, reproduction
from plumbline.review.git import Checkout


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    here = Checkout(Path.cwd(), "")
    stages, problems = declared.read(here.path), reproduction.problems(here)
    for problem in problems:
        if not problem.endswith(reproduction.ACCEPT):
            raise UserError(f"{problem}; dvc repro")
    edits = [problem.removesuffix(reproduction.ACCEPT).split(": ", 1) for problem in problems]
    names = [name for name in stages if name in dict(edits)]
    data = [path for name in names for path in (*stages[name].inputs, *stages[name].outs)]
    if missing := [path for path in data if not Path(path).exists()]:
        raise UserError(f"{missing[0]}: wanted the data, got none; dvc pull")
    logging.disable(logging.INFO)  # DVC's line for each stage
    with diffs.open_repo(here) as repo:
        for name in names:
            repo.commit(name, force=True)
    for edit in sorted({edit for _, edit in edits}) or ["nothing to accept"]:
        print(printable(f"accept: {edit}"))
