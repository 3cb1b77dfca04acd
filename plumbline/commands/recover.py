"""Repair the files that a killed DVC left half-written, and make git see every edit.

Usage: python -m plumbline recover
"""

from argparse import ArgumentParser, Namespace

from plumbline.core.command import printable
from plumbline.review.lock import recover


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    for line in recover():
        print(printable(line))
