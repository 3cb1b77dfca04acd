"""A stage's error is one line and exit status 1."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.core.command import run
from tests.clone import ROOT


def test_main_gets_a_path_for_each_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Path] = []

    def main(first: Path, second: Path) -> None:
        got.extend([first, second])

    monkeypatch.setattr(sys, "argv", ["stages/copy.py", "a", "b/c"])
    run(main)
    assert got == [Path("a"), Path("b/c")]


def test_another_number_of_arguments_shows_the_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    from stages.split import main

    monkeypatch.setattr(sys, "argv", ["stages/split.py", "a"])
    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == (
        "split: wanted 3 paths, got 1; Usage: python -m stages.split LINE TRAIN TEST"
    )


def raising(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n  b"), "train: a b"),
        (FileNotFoundError(2, "No such file", "x"), "train: [Errno 2] No such file: 'x'"),
        (KeyboardInterrupt(), "train: interrupted"),
    ],
)
def test_what_a_user_can_cause_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, line: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/train.py"])
    with pytest.raises(SystemExit) as caught:
        run(raising(error))
    assert caught.value.code == line


def test_a_mistake_in_the_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/train.py"])
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


STAGE = """
import signal
from pathlib import Path
from stages import split
from plumbline.core.command import run
from tests.clone import ROOT
from plumbline.core.files import replacing
from plumbline.core.params import load

def main():
    load(split.Params)
    with replacing(Path("result")) as partial:
        partial.write_text("result")
    {line}

if __name__ == "__main__":
    run(main)
"""


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Path(__file__).write_text('')", "stage.py: edited while the stage ran"),
        ("Path('params.yaml').write_text(Path('params.yaml').read_text().replace('0.8', '0.7'))",
         "params.yaml: edited while the stage ran"),
        ("raise ValueError('wrong')", "wrong"),
        ("signal.raise_signal(signal.SIGTERM)", "interrupted"),
        ("signal.raise_signal(signal.SIGINT)", "interrupted"),
    ],
)  # fmt: skip
def test_a_stage_that_fails_says_why_in_its_last_line_and_has_no_outputs(
    folder: Path, line: str, error: str
) -> None:
    Path("stage.py").write_text(STAGE.format(line=line))
    done = subprocess.run(
        [sys.executable, "stage.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"stage: {error}")
    assert not Path("result").exists()
