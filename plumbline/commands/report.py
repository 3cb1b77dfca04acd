"""Report in Markdown what changed between two revisions, and whether it is better.

Usage: python -m plumbline report BASE [HEAD] [--full] [--output FILE] [--links URL]

With --full, the exit status is 1 if the committed results are not those of a run.
"""

import posixpath
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plumbline.review.findings import find
from plumbline.review.gate import load_rules
from plumbline.review.git import checkout_of, find_commit
from plumbline.review.pictures import write_pictures
from plumbline.review.report import report


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("head", nargs="?", help="the revision to report on; else the working tree")
    parser.add_argument("--full", action="store_true", help="run all stages and compare")
    parser.add_argument("--output", type=Path, help="write a file, and the pictures beside it")
    parser.add_argument("--links", help="show pictures below this address: URL/COMMIT/PATH")


def main(options: Namespace) -> None:
    rules, base = load_rules(), find_commit(options.base)
    head = find_commit(options.head)
    with checkout_of(head) as checkout:
        findings = find(checkout, base, rules, options.full)
    shown: dict[str, tuple[str, str]] = {}
    if options.links:
        root, paths = options.links.rstrip("/"), [picture.path for picture in findings.pictures]
        full = {path: posixpath.normpath(checkout.prefix + path) for path in paths}
        shown = {p: (f"{root}/{base}/{full[p]}", f"{root}/{head}/{full[p]}") for p in paths}
    elif options.output:
        shown = write_pictures(findings.pictures, options.output.parent)
    text = report(findings, rules, options.base, options.head or "the working tree", shown)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text, encoding="utf-8", newline="\n")
        print(text.partition("\n")[0].removeprefix("## "))
        print(f"wrote {options.output}")
    else:
        print(text, end="")
    sys.exit(options.full and not findings.hold)
