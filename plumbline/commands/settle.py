"""Finish a merge, rebase or cherry-pick: take or remake the results that conflict."""

from argparse import Namespace

from plumbline.review.merging import settle


def main(_: Namespace) -> None:
    print(f"settle: {settle()}")
