"""The README says what the project does."""

import itertools
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
import yaml

from tests.clone import ROOT, Clone

README = (ROOT / "README.md").read_text(encoding="utf-8")
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def shown(command: str) -> list[str]:
    """The indented lines below the one that mentions the command, to the next text."""
    below = README.partition(command)[2].partition("\n")[2]
    lines = below.lstrip("\n").splitlines()
    return [line.strip() for line in itertools.takewhile(lambda line: line[:4].isspace(), lines)]


@pytest.mark.pipeline
def test_make_repro_ends_with_the_lines_that_it_shows(reproduced: Clone) -> None:
    assert shown("and ends with") == reproduced.run("python", "-m", "tools.summary").splitlines()


@pytest.mark.pipeline
def test_dvc_metrics_diff_prints_what_it_shows(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("git", "checkout", "--quiet", "faster")
    printed = clone.run("dvc", "metrics", "diff", "main").splitlines()
    assert shown("`dvc metrics diff main` prints") == [line.strip() for line in printed]


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
