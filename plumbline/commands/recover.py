"""Repair the files that a killed DVC left half-written, so that `dvc repro` runs.

Usage: python -m plumbline.commands.recover
"""

from argparse import Namespace

from plumbline.commands import arguments
from plumbline.review.recovery import recover


def main(_: Namespace) -> None:
    for line in recover():
        print(line)


if __name__ == "__main__":
    arguments.run(main, arguments.parser(__doc__))
