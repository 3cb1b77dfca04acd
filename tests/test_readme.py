"""The README says what the project does."""

import json
import re
from itertools import pairwise

import yaml

from tests.clone import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
METRICS = json.loads((ROOT / "metrics.json").read_text(encoding="utf-8"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def test_the_numbers_are_those_of_metrics_json() -> None:
    assert f"learned line: y = {METRICS['weight']:g} * X + {METRICS['bias']:g}\n" in README
    assert f"test MAE:     {METRICS['test_mae']:g}\n" in README
    shown = dict(re.findall(r"metrics\.json  (\w+) +(\S+) ", README))
    assert shown == {name: f"{value:.5f}".rstrip("0") for name, value in METRICS.items()}


def test_every_path_exists_or_is_an_output() -> None:
    outputs = str(STAGES)
    for path in re.findall(r"(?:data|models|plots|stages|tools)/[\w./]+\w", README):
        assert (ROOT / path).is_file() or path in outputs, path


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?m)(?:`|^    )make ([a-z-]+)", README):
        assert f"\n{target}:" in makefile, target


def test_it_draws_the_pipeline_that_dvc_yaml_declares() -> None:
    drawn = set()
    for line in re.findall(r"^    (\w+ --> .*)$", README, re.MULTILINE):
        nodes = [node.split(" & ") for node in line.split(" --> ")]
        drawn |= {(a, b) for left, right in pairwise(nodes) for a in left for b in right}
    assert drawn == declared_edges()


def declared_edges() -> set[tuple[str, str]]:
    makes = {path: name for name, stage in STAGES.items() for path in stage.get("outs", [])}
    return {
        (makes[path], name)
        for name, stage in STAGES.items()
        for path in stage["deps"]
        if path in makes
    }


def test_it_fits_on_a_few_screens() -> None:
    assert len(README.splitlines()) <= 150
