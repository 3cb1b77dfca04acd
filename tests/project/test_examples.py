"""The project of each example gives the numbers and the picture in the example's README."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.review.page import differing_fraction
from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.projects import make_project, only_in_this_checkout, with_environment

pytestmark = [pytest.mark.all, only_in_this_checkout]

# The sentence in each example's README about its metrics.
SAID = {
    "diabetes": "a test MAE of {test_mae:.1f} (the values range from 25 to 346) "
    "and a test R² of {test_r2:.2f}.",
    "sine": "a test RMSE of {test_rmse:.4f}, the size of the noise",
    "penguins": "a test MAE of {test_mae:.0f} g, against {baseline_mae:.0f} g for a constant "
    "prediction; the validation MAE is {validation_mae:.0f} g.",
}


@pytest.fixture(scope="module", params=SAID)
def example(request: pytest.FixtureRequest, share: Callable[..., Clone]) -> Clone:
    """An example's project with its results; skips its tests if its package is not installed."""
    name, own = request.param, ROOT / "examples" / request.param / "requirements.txt"
    if own.is_file():
        pytest.importorskip(own.read_text().partition("==")[0])

    def make(path: Path) -> None:
        make_project(path, "examples.make", name, str(path)).run("dvc", "repro", "--quiet")

    return with_environment(share(name, make).path)


def test_the_readme_contains_the_metrics_and_the_picture_of_the_project(example: Clone) -> None:
    name = example.path.parent.name
    metrics = json.loads((example.path / "metrics.json").read_text())
    readme = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")
    assert SAID[name].format(**metrics) in " ".join(readme.split())
    kept = (ROOT / "examples" / name / "predictions.png").read_bytes()
    drawn = (example.path / "plots" / "predictions.png").read_bytes()
    assert differing_fraction(kept, drawn) <= 0.001


@pytest.mark.parametrize("example", ["penguins"], indirect=True)
def test_the_commands_in_the_penguins_readme_print_its_numbers_and_lint_passes(
    example: Clone,
) -> None:
    text = (ROOT / "examples" / "penguins" / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"For this table, `new.csv`,\n\n((?: {4}.*\n)+)", text)
    (example.path / "new.csv").write_text(re.sub("(?m)^ {4}", "", table))
    prepare, predict = re.findall(r"(?m)^    (python -m stages.*)$", text)
    said = example.run(*prepare.split()).splitlines()[0]
    example.run(*predict.split())
    example.run("python", "-m", "plumbline", "lint")
    lines = (example.path / "predictions.csv").read_text().splitlines()[1:]
    first, second = (round(float(line.split(",")[-1])) for line in lines)
    assert f"says `{said}`, and the predictions are {first} g and {second} g." in text
