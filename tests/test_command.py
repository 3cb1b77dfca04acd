"""A stage's error is one line and exit status 1."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.command import run


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
