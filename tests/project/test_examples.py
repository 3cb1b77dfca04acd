"""Each example runs from the root and from its folder, and ends at its committed numbers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

import stages
from plumbline.lint import declared
from plumbline.lint.problems import static_problems
from tests.support.clone import Clone, make_clone
from tests.support.exercise import EXERCISE, ROOT

# A user may delete them.
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/dvc.yaml"))
every_example = pytest.mark.parametrize("name", EXAMPLES)


@pytest.fixture(autouse=True)
def _packages(request: pytest.FixtureRequest) -> None:
    """The packages of the example; without them, its tests are skipped."""
    name = request.node.callspec.params["name"] if hasattr(request.node, "callspec") else ""
    own = ROOT / "examples" / name / "requirements.txt"
    for line in own.read_text().splitlines()[1:] if own.is_file() else []:
        pytest.importorskip(line.partition("==")[0])


def metrics(example: Path) -> dict[str, float]:
    numbers: dict[str, float | str] = json.loads((example / "metrics.json").read_text())
    return {name: value for name, value in numbers.items() if isinstance(value, float)}


@pytest.mark.all
@every_example
def test_an_example_gives_its_committed_metrics_wherever_it_is_run(
    tmp_path: Path, name: str
) -> None:
    clone = make_clone(tmp_path / "clone")
    committed = metrics(ROOT / "examples" / name)
    inside = Clone(clone.path / "examples" / name)
    lock, metrics_json = inside.path / "dvc.lock", inside.path / "metrics.json"
    lock.unlink()
    metrics_json.unlink()
    clone.run("dvc", "--cd", f"examples/{name}", "repro")
    assert metrics(inside.path) == pytest.approx(committed, rel=1e-4)
    assert inside.repro() == []
    text = lock.read_text()
    lock.unlink()
    assert inside.repro() == []  # All from the run cache.
    assert lock.read_text() == text


@every_example
def test_every_stage_of_an_example_agrees_with_its_dvc_yaml(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "examples" / name)
    monkeypatch.setattr(stages, "__path__", [*stages.__path__, "stages"])  # its own are there
    found = declared.read(Path()).values()
    assert [line for stage in found for line in static_problems(stage)] == []


@every_example
def test_an_example_has_the_entries_of_the_exercise_and_the_links_to_its_code(name: str) -> None:
    example = ROOT / "examples" / name
    shared = [example / "plumbline"]
    shared += (
        [example / "stages"]
        if (example / "stages").is_symlink()
        else (path for path in (example / "stages").iterdir() if path.is_symlink())
    )
    for link in shared:
        assert link.is_symlink()
        assert link.resolve() == ROOT / link.relative_to(example)


@every_example
def test_the_readme_of_an_example_lists_the_parameters_that_differ(name: str) -> None:
    example = ROOT / "examples" / name
    params = yaml.safe_load((example / "params.yaml").read_text())
    text = (example / "README.md").read_text()
    listed = dict(re.findall(r"(?m)^    (\w+\.\w+): (\S+)$", text))
    differ = {
        f"{section}.{key}": value
        for section in ("split", "train")
        for key, value in params[section].items()
        if EXERCISE[section][key] != value and key != "eval_every"
    }
    assert {key: yaml.safe_load(value) for key, value in listed.items()} == differ


@pytest.mark.skipif("diabetes" not in EXAMPLES, reason="the example is deleted")
def test_the_diabetes_readme_tells_its_metrics() -> None:
    text = (ROOT / "examples" / "diabetes" / "README.md").read_text()
    numbers = metrics(ROOT / "examples" / "diabetes")
    assert f"test MAE of {numbers['test_mae']:.1f} " in text
    assert f"test R² of {numbers['test_r2']:.2f}." in text


@pytest.mark.skipif("sine" not in EXAMPLES, reason="the example is deleted")
def test_the_sine_is_learned_to_its_noise() -> None:
    example = ROOT / "examples" / "sine"
    x, y = np.loadtxt(example / "data" / "sine.csv", delimiter=",", skiprows=1).T
    noise = np.sqrt(np.mean(np.square(y - np.sin(x))))
    rmse = metrics(example)["test_rmse"]
    assert rmse <= 1.1 * noise
    assert f"test RMSE of {rmse:.4f}," in (example / "README.md").read_text()


@pytest.mark.all
@pytest.mark.skipif("penguins" not in EXAMPLES, reason="the example is deleted")
def test_the_penguins_readme_predicts_a_raw_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    text = (ROOT / "examples" / "penguins" / "README.md").read_text()
    inside = Clone(make_clone(tmp_path / "clone").path / "examples" / "penguins")
    table = re.findall(r"For this table, `new.csv`,\n\n((?: {4}.*\n)+)", text)[0]
    (inside.path / "new.csv").write_text(re.sub("(?m)^ {4}", "", table))
    inside.run("dvc", "repro", "--quiet", "train")
    prepare, predict = re.findall(r"(?m)^    (python -m stages.*)$", text)
    said = inside.run(*prepare.split()).splitlines()[0]
    inside.run(*predict.split())
    lines = (inside.path / "predictions.csv").read_text().splitlines()[1:]
    first, second = (round(float(line.split(",")[-1])) for line in lines)
    assert f"says `{said}`, and the predictions are {first} g and {second} g." in text
    numbers = metrics(ROOT / "examples" / "penguins")
    assert f"a test MAE of {numbers['test_mae']:.0f} g, where a constant has" in text
