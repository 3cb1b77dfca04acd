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
    "report": "what changed between two revisions, and whether it is better, in Markdown",
    "gate": "fail if a metric that decides got worse, or a metric is beyond its limit",
    "check": "fail if dvc.lock, metrics.json or a picture is not what `dvc repro` would leave",
    "lint": "fail if a stage does more or less than dvc.yaml declares",
    "versions": "write the versions that are installed into versions.yaml",
    "settle": "finish a merge, rebase or cherry-pick: take or remake the results that conflict",
    "accept": "record that only comments or docstrings changed, so that no stage runs",
    "recover": "repair the files that a killed DVC left half-written",
    "new": "make a project of your own, from a checkout of Plumbline",
    "update": "give a project that `new` made the library of this checkout",
    "summary": "print the results, and how they moved since the last commit",
}


class Parser(ArgumentParser):
    """An ArgumentParser whose errors are one line and exit status 1."""

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split())
        sys.exit(f"{self.prog.split()[-1]}: {message}; {usage}")


def main() -> None:
    """Runs the command that the command line names; what a user can cause ends it with one line."""
    name = next(iter(sys.argv[1:]), "--help")
    if name not in COMMANDS:
        overview = Parser("plumbline", description=__doc__)
        names = overview.add_subparsers(metavar="COMMAND", required=True)
        for known, text in COMMANDS.items():
            names.add_parser(known, help=text)
        overview.parse_args([name])
    # The installed command finds the project's stages, as `python -m` does.
    sys.path.insert(0, "")
    # The other commands' imports, such as DVC's, would take longer than some commands do.
    command = import_module(f"plumbline.commands.{name}")
    parser = Parser(f"plumbline {name}", description=command.__doc__, allow_abbrev=False)
    if hasattr(command, "add_arguments"):
        command.add_arguments(parser)
    options: Namespace = parser.parse_args(sys.argv[2:])
    # Its own encoding would refuse some characters of a report in an old console.
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # type: ignore[union-attr]
    # DVC finds the `python` of each stage there.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with errors_in_one_line(name):
        check_library()
        if name != "settle" and unmerged():
            raise UserError("a merge is in progress; type: make settle")
        try:
            command.main(options)
        except BrokenPipeError:  # the reader has seen enough, as in `| head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


if __name__ == "__main__":
    main()
