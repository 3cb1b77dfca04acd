"""A stage as a command: its paths come from `dvc.yaml`, its errors are one line."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from plumbline.core import files as output
from plumbline.core import scripts
from plumbline.core.params import LOADED, PARAMS, changed

LENGTH = 1_000


def one_line(text: str) -> str:
    """The text without what a terminal would obey, and no longer than anyone would read."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= LENGTH else f"{line[:LENGTH]} ..."


def run(main: Callable[..., None]) -> None:
    """Calls a stage's `main` with a Path for each argument of the command line.

    What a user can cause (a wrong number of arguments, ValueError, OSError and SafetensorError,
    which is what a full disk gives, Ctrl-C, SIGTERM) ends the process with one line on standard
    error and exit status 1, and without outputs. Any other exception is a mistake in the code and
    keeps its traceback.
    """
    # A file or a pipe, as in CI, would get all lines at the end, and those of an error first.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    stage = Path(sys.argv[0]).stem
    paths = [Path(argument) for argument in sys.argv[1:]]
    if len(paths) != main.__code__.co_argcount:
        usage = main.__globals__["__doc__"].splitlines()[-1]
        sys.exit(f"{stage}: wanted {main.__code__.co_argcount} paths, got {len(paths)}; {usage}")
    # Only what this `main` loads and writes counts.
    output.WRITTEN.clear()
    LOADED.clear()
    before = scripts.digests()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(*paths)
        check(before)
    except (ValueError, OSError, SafetensorError) as error:
        output.discard()
        sys.exit(f"{stage}: {one_line(str(error))}")
    except KeyboardInterrupt:
        output.discard()
        sys.exit(f"{stage}: interrupted")


def check(before: dict[Path, str]) -> None:
    """ValueError if scripts or parameters are no longer those that ran.

    DVC takes their hashes when a stage has ended, and would note that the new ones had run.
    """
    edited = [
        path.name
        for path, digest in scripts.digests().items()
        if before.get(path, digest) != digest
    ]
    edited += [PARAMS.name] if changed() else []
    if edited:
        raise ValueError(f"{', '.join(edited)}: edited while the stage ran; run `dvc repro` again")
