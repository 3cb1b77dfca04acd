"""The commands of the library: `python -m plumbline COMMAND`, or `plumbline COMMAND`."""

import os
import sys
from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from plumbline.core.command import check_library, errors_in_one_line
from plumbline.core.errors import UserError
from plumbline.review.git import unmerged

COMMANDS = {
    "report": "report in Markdown what changed between two revisions, and whether it is better",
    "gate": "fail if a deciding metric got worse, or if any metric is beyond its limit",
    "check": "fail if `dvc repro` would change dvc.lock, metrics.json or a picture",
    "lint": "fail unless dvc.yaml declares exactly what each stage imports, reads and writes",
    "versions": "write the installed versions to versions.yaml",
    "settle": "finish a merge, rebase or cherry-pick: take or remake the results that conflict",
    "accept": "record that only comments or docstrings changed, so that no stage reruns",
    "recover": "repair the files that a killed DVC left half-written",
    "new": "make a project of your own, from a checkout of Plumbline",
    "update": "copy the library of this checkout into a project that `new` made",
    "summary": "print the results, and how they changed since the last commit",
}


class Parser(ArgumentParser):
    """An ArgumentParser that prints an error on one line and exits with status 1."""

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split())
        sys.exit(f"{self.prog.split()[-1]}: {message}; {usage}")


def main() -> None:
    """Runs the named command; an error that a user can cause is printed on one line."""
    name = next(iter(sys.argv[1:]), "--help")
    if name not in COMMANDS:
        overview = Parser("plumbline", description=__doc__)
        names = overview.add_subparsers(metavar="COMMAND", required=True)
        for known, text in COMMANDS.items():
            names.add_parser(known, help=text)
        overview.parse_args([name])
    # Lets the installed command import the project's stages, as `python -m` does.
    sys.path.insert(0, "")
    # Imports only this command: others import DVC, which takes longer than some commands.
    command = import_module(f"plumbline.commands.{name}")
    parser = Parser(f"plumbline {name}", description=command.__doc__, allow_abbrev=False)
    if hasattr(command, "add_arguments"):
        command.add_arguments(parser)
    options: Namespace = parser.parse_args(sys.argv[2:])
    # The default encoding of an old console lacks some characters of a report.
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # type: ignore[union-attr]
    # DVC looks up each stage's `python` in PATH.
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
    with errors_in_one_line(name):
        check_library()
        if name != "settle" and unmerged():
            raise UserError("a merge is in progress; type: make settle")
        try:
            command.main(options)
        except BrokenPipeError:  # the reader closed the pipe, as in `| head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


if __name__ == "__main__":
    main()
