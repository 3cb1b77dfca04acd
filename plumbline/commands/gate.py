"""Fail if a metric that decides got worse since the branch left BASE.

It also fails if a metric is beyond its limit, or if the results are stale and cannot be judged.

Usage: python -m plumbline gate BASE [HEAD]
"""

from argparse import ArgumentParser, Namespace

from plumbline.core.command import fail, printable
from plumbline.review.gate import check_names, decisions, failures, load_rules
from plumbline.review.git import checkout_of, find_base
from plumbline.review.measured import measure
from plumbline.review.merging import conflict_notes
from plumbline.review.reproduction import ACCEPT, ADD, problems


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="compare with the commit at which HEAD left BASE")
    parser.add_argument("head", nargs="?", help="the revision to judge; default: the working tree")


def main(options: Namespace) -> None:
    rules = load_rules()
    with checkout_of(options.head) as checkout:
        commit, note = find_base(options.base, checkout.head)
        stale = [line for line in problems(checkout) if not line.endswith((ACCEPT, ADD))]
        base, head = measure(checkout, commit), measure(checkout, checkout.head)
        notes = conflict_notes(checkout, options.base)
    check_names(rules, {**base.metrics, **head.metrics})
    notes += [f"{options.base} {note}"] if note else []
    if stale:
        fail("gate: not judged, because the results are stale; type: dvc repro", stale)
    if lines := failures(rules, base, head):
        fail(f"gate: closed, compared with {options.base}", [*lines, *notes])
    print(printable(f"gate: open, because no rule fails, compared with {options.base}"))
    verdicts = decisions(rules, base, head).items()
    for line in [*(f"{name}: {verdict.sentence}" for name, verdict in verdicts), *notes]:
        print(printable(f"  {line}"))
