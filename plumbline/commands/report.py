"""Report what changed since the branch left BASE, and whether it is better, in Markdown.

Usage: python -m plumbline report BASE [HEAD] [--full] [--output FILE] [--links URL]

With --full, the exit status is 1 if a clean run gives different results than the committed ones.
"""

import posixpath
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plumbline.core.errors import UserError
from plumbline.review.findings import find
from plumbline.review.gate import load_rules
from plumbline.review.git import checkout_of, find_base, find_commit
from plumbline.review.merging import conflict_notes
from plumbline.review.page import Picture, as_data, page, write_pictures
from plumbline.review.report import report


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("base", help="the branch to compare with, where the head left it")
    parser.add_argument("head", nargs="?", help="the revision to report on; else the working tree")
    parser.add_argument("--full", action="store_true", help="run all stages and compare")
    parser.add_argument("--output", type=Path, help="write this file, its pictures and a page")
    parser.add_argument("--links", help="show pictures below this address: URL/COMMIT/PATH")


def main(options: Namespace) -> None:
    rules, head = load_rules(), find_commit(options.head)
    base, note = find_base(options.base, head)
    with checkout_of(head) as checkout:
        findings = find(checkout, base, rules, options.full)
        findings.notes.extend(conflict_notes(checkout, options.base))
    names = options.base, options.head or "the working tree"
    folders = tuple(f"{commit}/{checkout.prefix}" for commit in (base, head))
    try:
        if options.output:
            options.output.parent.mkdir(parents=True, exist_ok=True)
        text = report(findings, rules, names, note, _addresses(findings.pictures, options, folders))
        if options.output:
            options.output.write_text(text, encoding="utf-8", newline="\n")
            html_path = options.output.with_suffix(".html")
            html = page(report(findings, rules, names, note, as_data(findings.pictures)))
            html_path.write_text(html, encoding="utf-8", newline="\n")
            verdict = text.splitlines()[0].removeprefix("## ")
            text = f"{verdict}\nwrote {options.output} and {html_path}\n"
    except OSError as error:
        what = f"{options.output}: cannot be written ({error.strerror})"
        raise UserError(f"{what}; write elsewhere with --output FILE") from None
    print(text, end="")
    sys.exit(options.full and not findings.results_match)


def _addresses(
    pictures: list[Picture], options: Namespace, folders: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    """Where both versions of each picture are: at an address, or beside the report; else nowhere.

    folders: COMMIT/FOLDER of the project in the base and in the head.
    """
    if options.links:
        root, paths = options.links.rstrip("/"), [picture.path for picture in pictures]
        before, after = (
            [f"{root}/{posixpath.normpath(folder + path)}" for path in paths] for folder in folders
        )
        return dict(zip(paths, zip(before, after, strict=True), strict=True))
    return write_pictures(pictures, options.output.parent) if options.output else {}
