"""Check that every stage does exactly what `dvc.yaml` declares.

Usage: python -m plumbline lint [--quick]
"""

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plumbline.core.command import fail
from plumbline.lint import declared
from plumbline.lint.problems import project_problems, run_problems, static_problems
from plumbline.review.dvc_repo import open_repo
from plumbline.review.git import HERE


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="only read the scripts; run no stage")


def main(options: Namespace) -> None:
    stages = declared.read(Path()).values()
    with open_repo(HERE) as repo:
        _ = repo.index.graph  # raises an error if DVC cannot run dvc.yaml
    problems, missing = [*project_problems(stages)], set[str]()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        made = scratch / "made"
        made.mkdir()
        for stage in stages:
            found = [*static_problems(stage)]
            if not options.quick:
                if lacking := sorted(missing & stage.inputs):
                    found.append(f"not run, since {lacking[0]} was not made")
                else:
                    found += run_problems(stage, made, scratch)
                missing |= {path for path in stage.outs if not (made / path).is_file()}
            for problem in dict.fromkeys(found):
                problems += f"{stage.name}: {problem}".splitlines()
    if problems:
        fail("lint: dvc.yaml does not match what the stages do", problems)
    done = "script imports and reads" if options.quick else "stage does"
    print(f"lint: every {done} what dvc.yaml declares")
