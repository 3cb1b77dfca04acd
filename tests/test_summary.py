"""What a newcomer is told at the end of `make repro`."""

from pathlib import Path

from tools.summary import Metrics, Verdict, summary


def test_the_learned_line_stands_beside_the_true_one(folder: Path) -> None:
    metrics = Metrics(weight=0.31, bias=0.92, test_mae=0.005)
    verdict = Verdict(matches=True, max_abs_difference=0.0)
    assert summary(metrics, verdict, ["a.png", "b.png"]).splitlines() == [
        "learned line: y = 0.31 * X + 0.92",
        "true line:    y = 0.3 * X + 0.9",
        "test MAE:     0.005",
        "reloaded:     matches, largest difference 0",
        "pictures:     a.png b.png",
    ]
