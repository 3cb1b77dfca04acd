"""Record in dvc.lock that only comments, docstrings or layout changed, so that no stage runs."""

from argparse import Namespace

from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.review import dvc_repo, reproduction
from plumbline.review.git import HERE


def main(_: Namespace) -> None:
    problems = reproduction.problems(HERE)
    if others := [line for line in problems if not line.endswith(reproduction.ACCEPT)]:
        raise UserError(f"dvc repro is needed: {others[0]}")
    with dvc_repo.open_repo(HERE) as repo:
        files = [file for s in repo.stage.collect("dvc.yaml") for file in (*s.deps, *s.outs)]
        if missing := [file for file in files if not file.exists]:
            raise UserError(f"{missing[0]}: wanted the data, got none; dvc pull")
        repo.commit("dvc.yaml", force=True)
    for line in problems or [": nothing to accept"]:
        print(printable(f"accept: {line.partition(': ')[2].removesuffix(reproduction.ACCEPT)}"))
