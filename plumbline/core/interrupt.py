"""Ctrl-C while a stage imports its libraries."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn


def interrupt_in_one_line() -> None:
    """Makes Ctrl-C print one line and end the process at once, until `run` takes over.

    A script calls it before an import that takes seconds, when there is nothing to clean up.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> NoReturn:
    # An exception would pass through torch's half-done import, which handles some itself.
    os.write(2, f"{Path(sys.argv[0]).stem}: interrupted\n".encode())
    os._exit(1)
