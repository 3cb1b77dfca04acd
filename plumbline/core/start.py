"""The start of a stage: its imports, which take seconds if torch is one of them."""

import gc
import signal
import sys
from pathlib import Path


def begin_imports() -> None:
    """Ctrl-C prints one line before it ends the process, and Python looks for no garbage.

    A script with slow imports calls it first, when there is nothing to clean up. Nothing that they
    make is garbage, and looking for it takes a fifth of their time. `run` calls `end_imports`.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def end_imports() -> None:
    """From now on, Python looks for garbage, but never among what has been imported.

    The process ends sooner too: Python would look through all of it then.
    """
    gc.freeze()
    gc.enable()


def _end(*_: object) -> None:
    # An exception would pass through torch's half-done import, which handles some itself.
    print(f"{Path(sys.argv[0]).stem}: interrupted", file=sys.stderr, flush=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
