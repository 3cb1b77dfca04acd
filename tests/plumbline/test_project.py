"""What `new` writes: the files of this checkout, as a table and an installed library need them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from plumbline import project
from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.project import Plan, Table, make_texts, set_value
from plumbline.wheel import build_wheel, wheel_path
from tests.support.exercise import ROOT, STAGES
from tests.support.projects import of_a_checkout

pytestmark = of_a_checkout

VERSION = "1.1.0+h0123456"
TARGET = r'the "price" in \$'
EXERCISE = Plan("mine", "linear", None)


def plan(features: int, model: str = "linear", std: float = 70.0, n: int = 400) -> Plan:
    return Plan("mine", model, Table("data/table.csv", TARGET, None, (n, features), std))


def params_of(plan: Plan) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = yaml.safe_load(make_texts(plan, VERSION)["params.yaml"])
    return found


def comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


def test_without_a_table_the_pipeline_is_the_exercise_with_the_librarys_version_for_its_files() -> (
    None
):
    texts = make_texts(EXERCISE, VERSION)
    made = declared.parse(ROOT, texts["dvc.yaml"])
    for name, stage in made.items():
        own = {path for path in STAGES[name].code if not path.startswith("plumbline/")}
        versions = sorted([*STAGES[name].versions, "plumbline"])
        assert stage == STAGES[name]._replace(code=own, versions=versions)
    assert made.keys() == STAGES.keys()
    assert comments(texts["dvc.yaml"]) == comments((ROOT / "dvc.yaml").read_text())
    assert texts["params.yaml"] == (ROOT / "params.yaml").read_text()
    assert yaml.safe_load(texts["versions.yaml"])["plumbline"] == VERSION
    assert wheel_path(VERSION) in texts["requirements.txt"]


def test_a_table_is_loaded_in_place_of_the_generated_line() -> None:
    texts = make_texts(plan(1), VERSION)
    made = declared.parse(ROOT, texts["dvc.yaml"])
    assert made["load"].inputs == {"data/table.csv"}
    assert made.keys() ^ STAGES.keys() == {"generate", "load"}
    assert params_of(plan(1))["load"] == {"target": TARGET, "features": None}
    assert "stages/generate.py" not in texts
    assert "generate" not in params_of(plan(1))
    rules = yaml.safe_load(texts["gate.yaml"])["metrics"]
    assert not [name for name, rule in rules.items() if "limit" in rule or name == "weight_error"]


@pytest.mark.parametrize(("plan", "shown"), [(plan(1), 1), (plan(2), 0), (plan(1, "mlp"), 0)])
def test_only_a_line_in_one_feature_has_a_landscape_and_a_weight(plan: Plan, shown: int) -> None:
    texts = make_texts(plan, VERSION)
    plot = declared.parse(ROOT, texts["dvc.yaml"])["plot"]
    assert plot.outs.count("plots/landscape.png") == plot.cmd.count("plots/landscape.png") == shown
    assert yaml.safe_load(texts["gate.yaml"])["metrics"].keys() >= {"test_r2"}
    assert ("weight" in yaml.safe_load(texts["gate.yaml"])["metrics"]) == bool(shown)


def test_the_tolerances_of_a_table_are_a_ten_thousandth_of_its_target() -> None:
    rules = yaml.safe_load(make_texts(plan(2, std=70.0), VERSION)["gate.yaml"])["metrics"]
    assert {float(rule["tolerance"]) for name, rule in rules.items() if name != "test_r2"} == {0.01}


@pytest.mark.parametrize(("n", "repeats"), [(100_000, 20), (1_000_000, 6)])
def test_a_large_table_is_trained_on_less_often(n: int, repeats: int) -> None:
    assert params_of(plan(10, n=n))["validate"]["repeats"] == repeats


def test_a_value_changes_in_its_section_alone_and_its_comment_keeps_its_place() -> None:
    text = "\na:\n  x: 1    # one\nb:\n  y: 2\n  x: 3    # three\n"
    assert set_value(text, "b.x", "null") == text.replace("3    #", "null #")
    assert set_value(text, "b.y", "0.25") == text.replace("y: 2", "y: 0.25")


def test_a_file_that_somebody_edited_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "read", lambda _: "stages: {}\n")
    with pytest.raises(UserError, match="which somebody edited"):
        make_texts(plan(1), VERSION)


def test_a_project_is_small() -> None:
    for texts in (make_texts(EXERCISE, VERSION), make_texts(plan(3), VERSION)):
        assert len(texts) <= 42  # and the table, the wheel and its note
        python = [text for path, text in texts.items() if path.endswith(".py")]
        assert sum(text.count("\n") for text in python) <= 1_100


@pytest.mark.slow
def test_pip_installs_the_wheel_with_its_version_and_its_command(tmp_path: Path) -> None:
    version, wheel = build_wheel()
    assert build_wheel() == (version, wheel)
    (tmp_path / wheel_path(version).rpartition("/")[2]).write_bytes(wheel)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    site = tmp_path / "site"
    subprocess.run([*pip, "--target", site, *tmp_path.glob("*.whl")], check=True)
    assert (site / f"plumbline-{version}.dist-info" / "METADATA").is_file()
    ours = {path.relative_to(ROOT) for path in ROOT.glob("plumbline/**/*.py")}
    assert {path.relative_to(site) for path in site.glob("plumbline/**/*.py")} == ours
    assert [*site.glob("bin/plumbline*"), *site.glob("Scripts/plumbline*")]
