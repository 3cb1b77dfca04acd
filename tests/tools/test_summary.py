"""The last lines of `make repro`."""

import json
from pathlib import Path

import pytest

from tests.support.clone import ROOT
from tools import summary


@pytest.fixture
def results(folder: Path) -> None:
    """Writes the files that the summary reads."""
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    (folder / "models").mkdir()
    (folder / "models" / "verify.json").write_text('{"matches": true, "max_abs_difference": 0.0}')
    metrics = {"weight": 0.31, "bias": 0.92, "test_mae": 0.005, "more": 1}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_the_summary_shows_the_learned_line_above_the_true_line(
    results: None, capsys: pytest.CaptureFixture[str]
) -> None:
    summary.main(summary.Namespace())
    assert capsys.readouterr().out.splitlines() == [
        "learned line: y = 0.31 * X + 0.92",
        "true line:    y = 0.3 * X + 0.9",
        "test MAE:     0.005",
        "reloaded:     matches, largest difference 0",
        "pictures:     plots/data.png plots/predictions.png plots/loss.png plots/landscape.png",
    ]


def test_a_missing_metric_is_named_with_its_file(results: None) -> None:
    Path("metrics.json").write_text('{"weight": 0.31, "bias": 0.92}')
    with pytest.raises(ValueError, match="^metrics.json: .* missing required field `test_mae`"):
        summary.main(summary.Namespace())
