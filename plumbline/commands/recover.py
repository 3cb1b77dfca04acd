"""Repair files that a killed DVC left half-written; touch edited files that git overlooks."""

from argparse import Namespace

from plumbline.core.command import printable
from plumbline.review.lock import recover


def main(_: Namespace) -> None:
    for line in recover():
        print(printable(line))
