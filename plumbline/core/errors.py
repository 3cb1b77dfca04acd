"""What a user can cause, as opposed to a mistake in the code: wrong input, and Ctrl-C."""

import signal
import sys
from pathlib import Path


class UserError(ValueError):
    """Shown as one line, without a traceback: where, what was wanted, what came."""


def interrupt_in_one_line() -> None:
    """Makes Ctrl-C print one line before it ends the process, until `run` takes over.

    A script calls it before an import that takes seconds, when there is nothing to clean up.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    # An exception would pass through torch's half-done import, which handles some itself.
    print(f"{Path(sys.argv[0]).stem}: interrupted", file=sys.stderr, flush=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
