"""Report in Markdown what changed since the branch left BASE, and whether it is better.

Usage: python -m plumbline report BASE [HEAD] [--full] [--output FILE] [--links URL]

With --full, the exit status is 1 if the committed results are stale or a clean run gives others.
"""

import os
import posixpath
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plumbline.core.errors import UserError
from plumbline.review.findings import find
from plumbline.review.gate import load_rules
from plumbline.review.git import checkout_of, find_base
from plumbline.review.merging import conflict_notes
from plumbline.review.page import data_url, page
from plumbline.review.report import report, short


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="compare with the commit at which HEAD left BASE")
    parser.add_argument("head", nargs="?", help="the revision to report; default: the working tree")
    parser.add_argument("--full", action="store_true", help="also run all stages and compare")
    parser.add_argument("--output", type=Path, help="write this file, pictures and an HTML page")
    parser.add_argument("--links", help="link pictures to URL/COMMIT/PATH")


def main(options: Namespace) -> None:
    rules = load_rules()
    with checkout_of(options.head) as checkout:
        base, note = find_base(options.base, checkout.head)
        findings = find(checkout, base, rules, options.full)
        findings.notes.extend(f"{line}." for line in conflict_notes(checkout, options.base))
    findings.notes.extend([f"{short(options.base)} {note}."] if note else [])
    names = options.base, options.head or "the working tree"
    commits = {"before": base, "after": checkout.head}

    def address(path: str, side: str, content: bytes) -> str:
        """The picture's URL, or the name of a file that this function writes beside the report."""
        if options.links:
            place = posixpath.normpath(checkout.prefix + path)
            return f"{options.links.rstrip('/')}/{commits[side]}/{place}"
        name = f"{side}-{path.replace('/', '-').replace(os.sep, '-')}"
        (options.output.parent / name).write_bytes(content)
        return name

    try:
        if options.output:
            options.output.parent.mkdir(parents=True, exist_ok=True)
        shown = address if options.links or options.output else None
        text = report(findings, rules, names, shown)
        if options.output:
            options.output.write_text(text, encoding="utf-8", newline="\n")
            html_path = options.output.with_suffix(".html")
            html = page(report(findings, rules, names, data_url))
            html_path.write_text(html, encoding="utf-8", newline="\n")
            verdict = text.splitlines()[0].removeprefix("## ")
            text = f"{verdict}\nwrote {options.output} and {html_path}\n"
    except OSError as error:
        what = f"{options.output}: cannot be written ({error.strerror})"
        raise UserError(f"{what}; write elsewhere with --output FILE") from None
    print(text, end="")
    sys.exit(options.full and not findings.results_match)
