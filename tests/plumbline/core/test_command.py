"""A failed stage prints one line, exits with status 1 and leaves no output."""

import gc
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from plumbline.core.command import begin_imports, check_library, run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, read, replacing
from stages.split import Params
from tests.support.exercise import ROOT, write_params


@pytest.fixture(autouse=True)
def process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes a script and other files in the working folder; restores the signal handlers."""
    for name in ("source", "other", "own.py"):
        Path(name).write_text("old")
    monkeypatch.setitem(sys.modules, "stages.own", SimpleNamespace(__file__="own.py"))
    monkeypatch.setattr(sys, "argv", [])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def start(*arguments: str, act: Callable[[], object] = lambda: None) -> None:
    """Runs a stage that writes its seed to `result` and `more`, not `other`, then calls `act`."""

    def main(
        params: Params, source: Input, other: Output, result: Output, more: Output | None = None
    ) -> None:
        for path in filter(None, [result, more]):
            with replacing(path) as partial:
                partial.write_text(f"{source}: {params.split.seed}")
        act()

    sys.argv = ["stages/own.py", *arguments]
    run(main, Params)


def test_main_receives_its_parameters_and_its_paths() -> None:
    write_params({"split.seed": 7})
    begin_imports()
    start("source", "other", "result")
    assert Path("result").read_text() == "source: 7"
    assert gc.isenabled()
    assert sys.stdout.line_buffering  # so that in a pipe, a stage's lines precede its error


def test_a_stage_refuses_a_wrong_number_of_paths_and_a_wrong_package_version() -> None:
    wanted = r"^own: wanted the paths source other result \[more\], got "
    for n in (2, 5):
        with pytest.raises(SystemExit, match=f"{wanted}{n}$"):
            start(*["result"] * n)
    Path("versions.yaml").write_text('numpy: "0"')
    with pytest.raises(SystemExit, match="^own: versions.yaml: numpy: wanted 0, got [0-9.]+; "):
        start("source", "other", "result")
    assert not Path("result").exists()


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: Path("own.py").write_text("new"), "own: own.py: edited while the stage ran"),
        (lambda: write_params({"split.seed": 7}), "own: params.yaml: edited while the stage ran"),
        (lambda: Path("versions.yaml").write_text("{}"), "own: versions.yaml: edited while"),
        (
            lambda: read(Path("no\n \x1b\u202e"), 1),
            r"own: no \\x1b\\u202e: wanted a file, got none$",
        ),
        (lambda: Path("nothing").read_text(), "own: .*No such file or directory: 'nothing'$"),
        (lambda: signal.raise_signal(signal.SIGTERM), "own: interrupted$"),
        (lambda: signal.raise_signal(signal.SIGINT), "own: interrupted$"),
        (lambda: 1 / 0, "division by zero$"),  # a bug keeps its traceback
    ],
)
def test_a_failed_stage_prints_the_reason_in_one_line_and_leaves_no_output(
    act: Callable[[], object], error: str
) -> None:
    with pytest.raises((SystemExit, ZeroDivisionError), match=f"^{error}"):
        start("source", "other", "result", "more", act=act)
    assert not Path("result").exists()
    assert not Path("more").exists()
    assert Path("source").read_text() == Path("other").read_text() == "old"


LATE = """
import atexit, sys, threading, time
sys.argv = ["-m"]
import stages
from plumbline.core.command import run
from stages.split import Params

class Freed:
    def __del__(self): print("freed")

def main(params):
    threading.kept = Freed()
    threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
    sys.stdout.write("stage, ")

atexit.register(print, "registered")
sys.argv = ["own"]
run(main, Params)
"""


@pytest.mark.parametrize(
    ("after", "status", "freed"), [("", 0, ""), ("raise KeyError", 1, "freed\n")]
)
def test_a_successful_stage_ends_after_its_threads_and_frees_no_objects(
    after: str, status: int, freed: str
) -> None:
    command, environment = [sys.executable, "-c", LATE + after], {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == f"stage, thread\nregistered\n{freed}"
    assert done.returncode == status


def test_the_library_of_a_different_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a console script or PYTHONSAFEPATH, Python imports the installed library."""
    Path("plumbline").mkdir()
    with pytest.raises(UserError, match=f"^wanted the library in {Path.cwd()}.*, got the one in "):
        check_library()
    monkeypatch.chdir(ROOT)
    check_library()
