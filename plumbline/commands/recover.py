"""Repair the files that a killed DVC left half-written, and make git see every edit."""

from argparse import Namespace

from plumbline.core.command import printable
from plumbline.review.lock import recover


def main(_: Namespace) -> None:
    for line in recover():
        print(printable(line))
