"""A stage that fails prints one line, exits with status 1 and leaves no output."""

import gc
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from plumbline.core.command import (
    LENGTH,
    begin_imports,
    check_library,
    end_imports,
    errors_in_one_line,
    one_line,
    run,
)
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from stages import split
from tests.support.exercise import EXERCISE, ROOT


def test_main_gets_its_parameters_and_a_path_for_each_argument(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[object] = []

    def main(params: split.Params, first: Input, second: Output) -> None:
        got.extend([params.split.seed, first, second])

    monkeypatch.setattr(sys, "argv", ["stages/copy.py", "a", "b/c"])
    run(main, split.Params)
    assert got == [EXERCISE["split"]["seed"], Path("a"), Path("b/c")]


def test_the_error_for_a_wrong_number_of_paths_lists_the_wanted_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/split.py", "a"])
    with pytest.raises(SystemExit) as caught:
        run(split.main, split.Params)
    assert caught.value.code == "split: wanted the paths samples_path train_path test_path, got 1"


def test_a_stage_does_not_start_with_another_version_of_a_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("versions.yaml").write_text('numpy: "0"')
    monkeypatch.setattr(sys, "argv", ["stages/split.py", "a", "b", "c"])
    with pytest.raises(SystemExit, match="^split: versions.yaml: numpy: wanted 0, got [0-9.]+; "):
        run(split.main, split.Params)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("a\n  b"), "train: a b"),
        (FileNotFoundError(2, "No such file", "x"), "train: [Errno 2] No such file: 'x'"),
        (KeyboardInterrupt(), "train: interrupted"),
    ],
)
def test_a_user_error_is_one_line(error: BaseException, line: str) -> None:
    with pytest.raises(SystemExit) as caught, errors_in_one_line("train"):
        raise error
    assert caught.value.code == line


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="^bug$"), errors_in_one_line("train"):
        raise ValueError("bug")


def test_an_error_is_one_short_line_without_control_characters() -> None:
    assert one_line("a\x1b[2J\r\nb\u202ec") == r"a\x1b[2J b\u202ec"
    assert len(one_line("x" * 10**6)) <= LENGTH + 4


STAGE = """
import signal
from pathlib import Path
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, replacing
from stages.split import Params

def main(params: Params, source: Input, result: Output, other: Output) -> None:
    with replacing(result) as partial:
        partial.write_text("result")
    {line}

if __name__ == "__main__":
    run(main, Params)
"""


def run_script(*command: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python with standard output and error in one pipe."""
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, *command],
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Path(__file__).write_text('')", "stage: stage.py: edited while the stage ran"),
        ("Path('params.yaml').write_text(Path('params.yaml').read_text().replace('0.8', '0.7'))",
         "stage: params.yaml: edited while the stage ran"),
        ("Path('versions.yaml').write_text('{}')",
         "stage: versions.yaml: edited while the stage ran"),
        ("raise UserError('wrong')", "stage: wrong"),
        ("signal.raise_signal(signal.SIGTERM)", "stage: interrupted"),
        ("signal.raise_signal(signal.SIGINT)", "stage: interrupted"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_stage_that_fails_says_why_in_its_last_line_and_leaves_no_output(
    folder: Path, line: str, error: str
) -> None:
    """The stage writes `result`, then runs the line, and never writes `other`."""
    Path("stage.py").write_text(STAGE.format(line=line))
    for name in ("source", "other"):
        Path(name).write_text("old")
    done = run_script("stage.py", "source", "result", "other")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(error)
    assert not Path("result").exists()
    assert Path("source").read_text() == Path("other").read_text() == "old"


PRINTS = """
import os
from plumbline.core.command import run
from stages.split import Params

def main(params: Params) -> None:
    print("a line of the stage")
    os.write(2, b"the error\\n")

run(main, Params)
"""


@pytest.mark.slow
def test_a_stages_output_comes_before_its_error_in_a_pipe(folder: Path) -> None:
    assert run_script("-c", PRINTS).stdout == "a line of the stage\nthe error\n"


class Cycle:
    """An object that only a search for garbage can free."""

    def __init__(self) -> None:
        self.itself = self


def test_only_what_is_made_after_the_imports_is_searched_for_garbage() -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        begin_imports()
        assert not gc.isenabled()
        imported = weakref.ref(Cycle())
        end_imports()
        assert gc.isenabled()
        later = weakref.ref(Cycle())
        gc.collect()
        assert imported() is not None
        assert later() is None
    finally:
        signal.signal(signal.SIGINT, handler)
        gc.unfreeze()
        gc.set_threshold(700)
        gc.enable()


def test_the_library_of_another_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console script, or PYTHONSAFEPATH, takes the installed one in a checkout of another."""
    monkeypatch.chdir(tmp_path)
    check_library()
    Path("plumbline").mkdir()
    with pytest.raises(UserError, match=f"^wanted the library in {tmp_path}.*, got the one in "):
        check_library()
    monkeypatch.chdir(ROOT)
    check_library()
