"""Fail if a metric that decides got worse than that of another revision, or is beyond its limit.

Usage: python -m plumbline gate BASE [HEAD]
"""

from argparse import ArgumentParser, Namespace

from plumbline.core.command import fail
from plumbline.review.diffs import metrics_diff
from plumbline.review.gate import failures, load_rules
from plumbline.review.git import checkout_of, find_commit
from plumbline.review.lock import locked_stages, same_data


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("head", nargs="?", help="the revision to judge; else the working tree")


def main(options: Namespace) -> None:
    rules, base = load_rules(), find_commit(options.base)
    with checkout_of(find_commit(options.head)) as checkout:
        changes = metrics_diff(checkout, base)
        old, new = locked_stages(checkout, base), locked_stages(checkout, checkout.head)
    compared = same_data(old, new)
    if lines := failures(rules, changes, compared):
        fail(f"gate: worse than {options.base}", lines)
    if compared:
        print(f"gate: no metric that decides is worse than in {options.base}, or beyond its limit")
    else:
        print(f"gate: other data than in {options.base}, not compared; no metric beyond its limit")
