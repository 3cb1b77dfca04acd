"""Finish a merge, rebase or cherry-pick: take or remake the results that conflict.

Usage: python -m plumbline settle
"""

from argparse import ArgumentParser, Namespace

from plumbline.review.merging import settle


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    print(f"settle: {settle()}")
