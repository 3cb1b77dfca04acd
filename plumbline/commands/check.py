"""Fail if dvc.lock, metrics.json or a picture is not what `dvc repro` would leave.

Usage: python -m plumbline check [HEAD] [--full]
"""

import shlex
from argparse import ArgumentParser, Namespace

from plumbline.core.command import fail, printable
from plumbline.lint.declared import entries
from plumbline.review import dvc_repo, lock
from plumbline.review.gate import load_rules
from plumbline.review.git import Checkout, checkout_of, find_commit, unnoticed_edits
from plumbline.review.reproduction import (
    ACCEPT,
    NOT_RUN,
    changed_files,
    outcome,
    problems,
    reproduce,
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("head", nargs="?", help="the revision to check; default: the working tree")
    parser.add_argument("--full", action="store_true", help="also run all stages and compare")


def main(options: Namespace) -> None:
    rules = load_rules()
    with checkout_of(options.head) as checkout:
        hashes = lock.output_hashes(lock.load(checkout, checkout.head))
        if damaged := [*dvc_repo.damaged_objects(hashes)]:
            fail("check: DVC's cache is damaged", damaged)
        if lines := problems(checkout):
            comments = all(line.endswith(ACCEPT) for line in lines)
            cure = "make accept" if comments else "dvc repro"
            fail(f"check: {NOT_RUN}; type: {cure}, then commit", lines)
        print("check: dvc.lock, metrics and pictures fit the parameters and the scripts")
        if not options.head:
            _print_uncommitted(checkout)
        if not options.full:
            return
        differences = reproduce(checkout, rules)
    said = f"check: {outcome(differences)}"
    if not all(difference.within for difference in differences):
        fail(said, map(str, differences))
    print(said)
    for difference in differences:
        print(f"  {printable(str(difference))}")


def _print_uncommitted(checkout: Checkout) -> None:
    """Prints uncommitted files, data that is not from this commit, and edits that git overlooks."""
    linked = entries(checkout.stages("dvc.yaml", checkout.head), "deps")
    if names := changed_files(checkout, find_commit("HEAD"), checkout.head, ".", *linked):
        print(printable(f"check: not committed yet: {', '.join(names)}"))
    for line in dvc_repo.stale_data():
        print(printable(f"check: {line}"))
    if unseen := shlex.join(map(str, unnoticed_edits())):
        line = f"check: git does not see that {unseen} changed; type: touch {unseen}"
        print(printable(line))
