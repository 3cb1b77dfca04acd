"""`new` writes the files of this checkout, adapted to a table and an installed library."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline import project
from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.project import ONLY_HERE, Plan, Table, make_texts, set_value
from plumbline.wheel import build_wheel, wheel_path
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES
from tests.support.projects import only_in_this_checkout

pytestmark = only_in_this_checkout

VERSION = "1.1.0+h0123456"
TARGET = r'the "price" in \$'
EXERCISE = Plan("mine", "linear", None)


def plan(features: int, model: str = "linear", n: int = 400) -> Plan:
    return Plan("mine", model, Table("data/table.csv", TARGET, None, (n, features), std=70.0))


def made(plan: Plan, path: str) -> Any:
    return yaml.safe_load(make_texts(plan, VERSION)[path])


def test_without_a_table_a_project_is_the_exercise_and_depends_on_the_librarys_version() -> None:
    texts = make_texts(EXERCISE, VERSION)
    stages = declared.parse(ROOT, texts["dvc.yaml"])
    assert stages.keys() == STAGES.keys()
    for name, stage in stages.items():
        own = {path for path in STAGES[name].code if not path.startswith("plumbline/")}
        versions = {*STAGES[name].versions, "plumbline"}
        assert {*stage.versions} == versions
        assert stage == STAGES[name]._replace(code=own, versions=stage.versions)
    for path in ("params.yaml", "gate.yaml"):
        assert texts[path] == (ROOT / path).read_text()
    assert texts["dvc.yaml"].startswith("# The pipeline: generate (or load)")
    assert yaml.safe_load(texts["versions.yaml"])["plumbline"] == VERSION
    assert wheel_path(VERSION) in texts["requirements.txt"]


def test_a_project_has_nothing_that_only_this_repository_needs() -> None:
    texts = make_texts(plan(3), VERSION)
    paths = ("Makefile", "pyproject.toml", "requirements-dev.txt", ".github/workflows/review.yml")
    for path in paths:
        assert ONLY_HERE in (ROOT / path).read_text()
        words = r"test-all|bench|xdist|numprocesses|\.ci/run|\[project\]|not in a project"
        assert not re.search(words, texts[path])
    assert len(texts) <= 42  # besides the table, the wheel and the record
    python = [text for path, text in texts.items() if path.endswith(".py")]
    assert sum(text.count("\n") for text in python) <= 1_100


def test_a_project_with_a_table_loads_it_instead_of_generating_samples() -> None:
    texts = make_texts(plan(1), VERSION)
    stages = declared.parse(ROOT, texts["dvc.yaml"])
    assert stages["load"].inputs == {"data/table.csv"}
    assert stages.keys() ^ STAGES.keys() == {"generate", "load"}
    params = made(plan(1), "params.yaml")
    assert params["load"] == {"target": TARGET, "features": None}
    assert (params["split"]["shuffle"], params["train"]["standardize"]) == (True, True)
    assert "stages/generate.py" not in texts
    assert "generate" not in params
    assert "    load --> split -->" in texts["README.md"]


@pytest.mark.parametrize(("plan", "shown"), [(plan(1), 1), (plan(2), 0), (plan(1, "mlp"), 0)])
def test_only_a_line_in_one_feature_has_a_landscape_and_a_weight(plan: Plan, shown: int) -> None:
    stages = declared.parse(ROOT, make_texts(plan, VERSION)["dvc.yaml"])
    for paths in (stages["plot"].outs, stages["plot"].cmd):
        assert paths.count("plots/landscape.png") == shown
    assert ("weight" in made(plan, "gate.yaml")["metrics"]) == bool(shown)


def test_the_gate_rules_for_a_table_have_tolerances_in_its_unit_and_no_limit() -> None:
    rules = made(plan(2), "gate.yaml")["metrics"]
    assert not [name for name, rule in rules.items() if "limit" in rule or name == "weight_error"]
    assert float(rules.pop("test_r2")["tolerance"]) == 1e-4
    assert {float(rule["tolerance"]) for rule in rules.values()} == {0.01}


@pytest.mark.parametrize(("n", "repeats"), [(200_000, 20), (200_001, 6)])
def test_a_large_table_gets_fewer_repeats(n: int, repeats: int) -> None:
    assert made(plan(10, n=n), "params.yaml")["validate"]["repeats"] == repeats


def test_a_value_changes_only_in_its_section_and_comments_stay_in_their_columns() -> None:
    text = "\na:\n  x: 1    # one\nb:\n  y: 2\n  x: 3    # three\n"
    assert set_value(text, "b.x", "null") == text.replace("3    #", "null #")
    assert set_value(text, "b.y", "0.25") == text.replace("y: 2", "y: 0.25")


def test_an_edited_file_of_the_checkout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "read", lambda _: "stages: {}\n")
    with pytest.raises(UserError, match="was a file of this checkout edited"):
        make_texts(plan(1), VERSION)


@pytest.mark.slow
def test_pip_installs_the_wheel_with_its_version_and_its_command(tmp_path: Path) -> None:
    version, wheel = build_wheel()
    assert build_wheel() == (version, wheel)
    path, site = tmp_path / wheel_path(version).rpartition("/")[2], tmp_path / "site"
    path.write_bytes(wheel)
    names = [name for name in zipfile.ZipFile(path).namelist() if name.startswith("plumbline/")]
    assert names == sorted(names)  # keeps the version the same on every file system
    pip = ["python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    Clone(tmp_path).run(*pip, "--target", "site", path.name)
    assert (site / f"plumbline-{version}.dist-info" / "METADATA").is_file()
    ours = {path.relative_to(ROOT) for path in ROOT.glob("plumbline/**/*.py")}
    assert {path.relative_to(site) for path in site.glob("plumbline/**/*.py")} == ours
    assert [*site.glob("bin/plumbline*"), *site.glob("Scripts/plumbline*")]
