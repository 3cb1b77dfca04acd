"""Fail if a metric that decides got worse since the branch left BASE, or is beyond its limit.

It also fails if the results are stale, because nobody can judge those.

Usage: python -m plumbline gate BASE [HEAD]
"""

from argparse import ArgumentParser, Namespace

from plumbline.core.command import fail, printable
from plumbline.review.diffs import measure
from plumbline.review.gate import decisions, failures, load_rules
from plumbline.review.git import checkout_of, find_base, find_commit
from plumbline.review.merging import conflict_notes
from plumbline.review.reproduction import ACCEPT, ADD, problems


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="the branch to compare with, where the head left it")
    parser.add_argument("head", nargs="?", help="the revision to judge; else the working tree")


def main(options: Namespace) -> None:
    rules, head = load_rules(), find_commit(options.head)
    base, note = find_base(options.base, head)
    with checkout_of(head) as checkout:
        stale = [line for line in problems(checkout) if not line.endswith((ACCEPT, ADD))]
        measured = measure(checkout, base, rules)
        notes = conflict_notes(checkout, options.base)
    notes += [f"{options.base} {note}"] if note else []
    if stale:
        fail("gate: not judged: type `dvc repro`, because the results are stale", stale)
    if lines := failures(rules, measured):
        fail(f"gate: closed, compared with {options.base}", [*lines, *notes])
    print(printable(f"gate: open, because nothing is worse than {options.base} or beyond a limit"))
    for line in [*(f"{n}: {v.sentence}" for n, v in decisions(rules, measured).items()), *notes]:
        print(printable(f"  {line}"))
