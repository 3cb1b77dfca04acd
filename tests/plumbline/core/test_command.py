"""A stage that fails prints one line, exits with status 1 and leaves no output."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from plumbline.core.command import LENGTH, begin_imports, check_library, one_line, run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, replacing
from stages.split import Params
from tests.support.exercise import ROOT, write_params


@pytest.fixture(autouse=True)
def process(folder: Path) -> Iterator[None]:
    """The working folder has params.yaml; afterwards, signals are handled as before."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def start(
    monkeypatch: pytest.MonkeyPatch, arguments: str, act: Callable[[], object] = lambda: None
) -> None:
    """Runs a stage that writes its seed to `result`, and then acts; it never writes `other`."""

    def main(params: Params, source: Input, result: Output, other: Output) -> None:
        with replacing(result) as partial:
            partial.write_text(f"{source}: {params.split.seed}")
        act()

    for name in ("source", "other", "own.py"):
        Path(name).write_text("old")
    monkeypatch.setitem(sys.modules, "stages.own", SimpleNamespace(__file__="own.py"))
    monkeypatch.setattr(sys, "argv", ["stages/own.py", *arguments.split()])
    run(main, Params)


def throw(error: BaseException) -> None:
    raise error


def test_main_gets_its_parameters_and_its_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    write_params({"split.seed": 7})
    begin_imports()
    start(monkeypatch, "source result other")
    assert Path("result").read_text() == "source: 7"
    assert gc.isenabled()


def test_the_error_for_a_wrong_number_of_paths_lists_the_wanted_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SystemExit, match="^own: wanted the paths source result other, got 2$"):
        start(monkeypatch, "source result")


def test_a_stage_does_not_start_with_another_version_of_a_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("versions.yaml").write_text('numpy: "0"')
    with pytest.raises(SystemExit, match="^own: versions.yaml: numpy: wanted 0, got [0-9.]+; "):
        start(monkeypatch, "source result other")
    assert not Path("result").exists()


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: Path("own.py").write_text("new"), "own: own.py: edited while the stage ran"),
        (lambda: write_params({"split.seed": 7}), "own: params.yaml: edited while the stage ran"),
        (lambda: Path("versions.yaml").write_text("{}"),
         "own: versions.yaml: edited while the stage ran"),
        (lambda: throw(UserError("a\n  b")), "own: a b$"),
        (lambda: Path("nothing").read_text(), "own: .*No such file or directory: 'nothing'$"),
        (lambda: signal.raise_signal(signal.SIGTERM), "own: interrupted$"),
        (lambda: signal.raise_signal(signal.SIGINT), "own: interrupted$"),
        (lambda: throw(ZeroDivisionError("a bug keeps its traceback")), "a bug keeps"),
    ],
)  # fmt: skip
def test_a_stage_that_fails_says_why_in_one_line_and_leaves_no_output(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], error: str
) -> None:
    with pytest.raises((SystemExit, ZeroDivisionError), match=f"^{error}"):
        start(monkeypatch, "source result other", act)
    assert not Path("result").exists()
    assert Path("source").read_text() == Path("other").read_text() == "old"


def test_an_error_is_one_short_line_without_control_characters() -> None:
    assert one_line("a\x1b[2J\r\nb\u202ec") == r"a\x1b[2J b\u202ec"
    assert len(one_line("x" * 10**6)) <= LENGTH + 4


PRINTS = """
from plumbline.core.command import run
from plumbline.core.errors import UserError
from stages.split import Params

def main(params: Params) -> None:
    print("a line of the stage")
    raise UserError("the error")

run(main, Params)
"""


@pytest.mark.slow
def test_a_stages_lines_come_before_its_error_in_a_pipe() -> None:
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "a line of the stage\n-c: the error\n")


def test_the_library_of_another_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console script, or PYTHONSAFEPATH, takes the installed one in a checkout of another."""
    check_library()
    Path("plumbline").mkdir()
    with pytest.raises(UserError, match=f"^wanted the library in {Path.cwd()}.*, got the one in "):
        check_library()
    monkeypatch.chdir(ROOT)
    check_library()
