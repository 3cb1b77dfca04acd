"""Lint the pipeline: every stage does what `dvc.yaml` declares, no more and no less.

Usage: python -m tools.lint [--quick]
"""

import tempfile
from argparse import Namespace
from pathlib import Path

from plumbline import arguments
from plumbline.pipeline import declared
from plumbline.pipeline.problems import run_problems, static_problems, unread_params


def main(options: Namespace) -> None:
    stages = declared.read(Path()).values()
    problems = [*unread_params(stages)]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        made = scratch / "made"
        made.mkdir()
        for stage in stages:
            found = [*static_problems(stage)]
            if not options.quick:
                found += run_problems(stage, made, scratch)
            problems += [f"{stage.name}: {problem}" for problem in dict.fromkeys(found)]
    if problems:
        arguments.fail("lint: dvc.yaml is not what the stages do", problems)
    print("lint: every stage does what dvc.yaml declares")


if __name__ == "__main__":
    parser = arguments.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="read the scripts and run no stage")
    arguments.run(main, parser)
