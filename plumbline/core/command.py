"""Runs a stage as a command that takes paths, and prints a user's error as one line."""

import gc
import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import msgspec
from safetensors import SafetensorError

from plumbline.core.errors import UserError
from plumbline.core.files import Output, digest, stamp
from plumbline.core.params import PARAMS, VERSIONS, check_versions, load_params

MAX_LENGTH = 1_000  # characters of an error message

_succeeded: list[str] = []  # the stages that have run in this process


def begin_imports() -> None:
    """Turns garbage collection off, and makes Ctrl-C print one line, while a stage imports.

    Imports make no garbage, but searching for it takes a fifth of their time. `run` undoes both.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def end_imports() -> None:
    """Turns garbage collection on again, except for the objects that exist already.

    Making an optimizer imports more of torch, so a high threshold keeps collections rare.
    """
    gc.freeze()
    gc.set_threshold(100_000)
    gc.enable()


def exit_fast() -> None:
    """Ends the process if its stage has succeeded, without freeing the imported objects.

    Freeing them takes a tenth of a training's time. This function is registered with atexit before
    any other, so Python calls it last, after all threads have ended.
    """
    if _succeeded and not hasattr(sys, "last_value"):  # no exception after `run`
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _end(*_: object) -> None:
    # Raises no exception, because torch's import, if interrupted, might catch it.
    print(f"{Path(sys.argv[0]).stem}: interrupted", file=sys.stderr, flush=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


def run(main: Callable[..., None], kind: type[msgspec.Struct]) -> None:
    """Calls `main(params, *paths)` with the parameters of `kind` and the command line's paths.

    It must be the last call of a script: after it returns, `exit_fast` exits with status 0.
    A user can cause these errors: a wrong number of paths, UserError, OSError, SafetensorError (a
    full disk), Ctrl-C and SIGTERM. Each ends the process with one line on standard error and exit
    status 1. Any other exception is a bug and keeps its traceback. After a failure, `run` deletes
    each `Output` file of `main` that has changed.
    """
    end_imports()
    # If output goes to a file or a pipe, an error would otherwise precede lines printed before it.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    stage = Path(sys.argv[0]).stem
    paths = [Path(argument) for argument in sys.argv[1:]]
    _, *roles = inspect.signature(main).parameters.values()
    required = [role for role in roles if role.default is role.empty]
    if not len(required) <= len(paths) <= len(roles):
        wanted = " ".join(role.name if role in required else f"[{role.name}]" for role in roles)
        sys.exit(f"{stage}: wanted the paths {wanted}, got {len(paths)}")
    outputs = [path for path, role in zip(paths, roles, strict=False) if is_output(role)]
    stamps = {path: stamp(path) for path in outputs}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with errors_in_one_line(stage):
        check_library()
        check_versions()
        try:
            watch = Watch(load_params(kind))
            main(watch.params, *paths)
            if edited := watch.edited():
                names = ", ".join(edited)
                raise UserError(f"{names}: edited while the stage ran; run `dvc repro` again")
        except BaseException:
            for path in outputs:
                if stamp(path) != stamps[path]:
                    path.unlink(missing_ok=True)
            raise
    _succeeded.append(stage)


class Watch:
    """A stage's parameters and scripts as they were when it started.

    DVC hashes them only after the stage, so it would record an edited file as the one that ran.
    scripts: the SHA-256 of versions.yaml and of each imported script of the project, by path.
    """

    def __init__(self, params: msgspec.Struct) -> None:
        ours = ("__main__", "plumbline.", "stages.")
        modules = [module for name, module in sys.modules.items() if name.startswith(ours)]
        files = [VERSIONS, *(getattr(module, "__file__", None) for module in modules)]
        paths = sorted({Path(file).resolve() for file in files if file})
        self.params, self.scripts = params, {path: _digest(path) for path in paths}
        self._stamps = self._find_stamps()

    def edited(self) -> list[str]:
        """The names of the changed scripts; params.yaml if a parameter of the stage has changed."""
        names = [path.name for path, old in self.scripts.items() if _digest(path) != old]
        with suppress(UserError):
            if load_params(type(self.params)) == self.params:
                return names
        return [*names, PARAMS.name]

    def tell(self) -> None:
        """Prints one line if a file was edited since the last call."""
        if (found := self._find_stamps()) != self._stamps:
            self._stamps = found
            if edited := self.edited():
                print(f"{', '.join(edited)}: edited; this run continues with the old version")

    def _find_stamps(self) -> list[object]:
        return [stamp(path) for path in (PARAMS, *self.scripts)]


def is_output(role: inspect.Parameter) -> bool:
    """True if this parameter of `main` is a path that the stage writes."""
    return role.annotation in (Output, Output | None)


@contextmanager
def errors_in_one_line(name: str) -> Iterator[None]:
    """Turns an error that a user can cause into the line `name: error` and exit status 1."""
    try:
        yield
    except (UserError, OSError, SafetensorError) as error:
        sys.exit(f"{name}: {one_line(str(error))}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: interrupted")


def one_line(text: str) -> str:
    """The text on one line, cut after 1,000 characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]} ..."


def printable(text: str) -> str:
    """The text on one line: each unprintable character is replaced by its escape code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def number(value: float, digits: int = 6) -> str:
    """The value as text, with this many significant digits; no exponent from 1e-4 to 1e7."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < 1e7 else text


def fail(headline: str, lines: Iterable[str]) -> NoReturn:
    """Prints the headline and, below it, the lines to standard error; exits with status 1."""
    sys.exit("\n  ".join(printable(line) for line in [headline, *lines]))


def check_library() -> None:
    """Raises UserError if the working folder contains a plumbline/ that is not the imported one."""
    own, imported = Path("plumbline").resolve(), Path(__file__).resolve().parents[1]
    if own.is_dir() and own != imported:
        raise UserError(
            f"wanted the library in {own}, got the one in {imported}; "
            "start the command with `python -m`, without PYTHONSAFEPATH and PYTHONPATH"
        )


def _digest(path: Path) -> str:
    """SHA-256 of the file; empty if it does not exist."""
    return digest(path, "sha256") if path.is_file() else ""
