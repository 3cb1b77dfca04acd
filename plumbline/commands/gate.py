"""Fail if a metric that decides got worse than that of another revision, or is beyond its limit.

Usage: python -m plumbline gate BASE [HEAD]
"""

from argparse import ArgumentParser, Namespace

from plumbline.core.command import fail, printable
from plumbline.review.gate import decisions, failures, load_rules
from plumbline.review.git import checkout_of, find_commit
from plumbline.review.report import measure


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("head", nargs="?", help="the revision to judge; else the working tree")


def main(options: Namespace) -> None:
    rules, base = load_rules(), find_commit(options.base)
    with checkout_of(find_commit(options.head)) as checkout:
        measured = measure(checkout, base, rules)
    if lines := failures(rules, measured):
        fail(f"gate: closed, compared with {options.base}", lines)
    print(f"gate: open, compared with {options.base}")
    for name, verdict in decisions(rules, measured).items():
        print(printable(f"  {name}: {verdict.sentence}"))
