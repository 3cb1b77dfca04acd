"""The command line of a tool; an error is one line, as that of a stage."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from plumbline.core.command import errors_in_one_line


class Parser(ArgumentParser):
    """An ArgumentParser whose errors are one line and exit status 1."""

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split())
        sys.exit(f"{self.prog}: {message}; {usage}")


def parser(doc: str | None) -> Parser:
    """A parser for the tool whose module has the docstring `doc`."""
    return Parser(prog=Path(sys.argv[0]).stem, description=doc, allow_abbrev=False)


def run(main: Callable[[Namespace], None], options: Parser) -> None:
    """Calls `main` with the parsed arguments; what a user can cause ends it with one line."""
    arguments = options.parse_args()
    # Its own encoding would refuse some characters of a report in an old console.
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # type: ignore[union-attr]
    with errors_in_one_line(options.prog):
        main(arguments)


def printable(text: str) -> str:
    """The text on one line; a character that does not print, such as an escape, as its code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fail(headline: str, lines: Iterable[str]) -> NoReturn:
    """Ends the process with the lines below the headline and exit status 1."""
    sys.exit("\n  ".join(printable(line) for line in [headline, *lines]))
