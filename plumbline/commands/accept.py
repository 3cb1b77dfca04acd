"""Record edits of comments, docstrings and layout in dvc.lock, so that no stage runs for them.

Usage: python -m plumbline accept
"""

from argparse import ArgumentParser, Namespace
from itertools import chain
from pathlib import Path

from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.review import diffs, reproduction
from plumbline.review.git import HERE


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    problems = reproduction.problems(HERE)
    if others := [line for line in problems if not line.endswith(reproduction.ACCEPT)]:
        raise UserError(f"{others[0]}; dvc repro")
    data = chain(*((*stage.inputs, *stage.outs) for stage in declared.read(HERE.path).values()))
    if missing := [path for path in data if not Path(path).exists()]:
        raise UserError(f"{missing[0]}: wanted the data, got none; dvc pull")
    with diffs.open_repo(HERE) as repo:
        repo.commit("dvc.yaml", force=True)
    for line in problems or [": nothing to accept"]:
        print(printable(f"accept: {line.partition(': ')[2].removesuffix(reproduction.ACCEPT)}"))
