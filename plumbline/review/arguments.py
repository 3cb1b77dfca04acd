"""A tool as a command: its options, and errors of one line, as those of a stage."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from typing import NoReturn

from plumbline.core import command


class Parser(ArgumentParser):
    """An ArgumentParser whose errors are one line and exit status 1."""

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split())
        sys.exit(f"{self.prog}: {message}; {usage}")


def parser(doc: str | None) -> Parser:
    """A parser for the tool that `doc`, the docstring of its module, describes."""
    return Parser(
        prog=sys.argv[0].replace("\\", "/").rpartition("/")[2].removesuffix(".py"),
        description=doc,
        allow_abbrev=False,
    )


def run(main: Callable[[Namespace], None], options: Parser) -> None:
    """Calls `main` with the parsed arguments; what a user can cause ends it with one line."""
    arguments = options.parse_args()
    # What is said is UTF-8 wherever it goes: a file, a pipe, an old console.
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    del sys.argv[1:]
    command.run(lambda: main(arguments))


def printable(text: str) -> str:
    """The text on one line, what would not print, as a terminal's escape, as its code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fail(headline: str, lines: Iterable[str]) -> NoReturn:
    """Ends the process with the lines below the headline and exit status 1."""
    sys.exit("\n  ".join(printable(line) for line in [headline, *lines]))
