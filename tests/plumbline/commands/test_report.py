"""`make report` reports on any two revisions, and on the working tree."""

import re
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.slow


def report(clone: Clone, *arguments: str) -> str:
    return clone.run("python", "-m", "plumbline", "report", *arguments)


def test_the_report_lists_parameters_metrics_stages_and_pictures(
    branches: Clone, tmp_path: Path
) -> None:
    output = tmp_path / "report" / "report.md"
    said = report(branches, "main", "better", "--output", str(output))
    text = output.read_text(encoding="utf-8")
    assert said.splitlines()[0] == text.splitlines()[0].removeprefix("## ")
    assert said.splitlines()[1] == f"wrote {output} and {output.with_suffix('.html')}"
    assert "\n- **Lock**: fits the parameters and the scripts\n" in text
    assert "\n| `train.lr` | `0.01` | `0.005` |\n" in text
    assert "\n| `test_mae` | `0.00647102` | `0.00330139` | -0.00317 | ↓ |\n" in text
    assert re.search("\n- ran: `train`, .*`evaluate`", text)
    assert "plots/data.png" not in text
    pictures = re.findall(r"!\[(?:before|after)\]\(([^)]*)\)", text)
    for name in pictures:
        commit = "main" if name.startswith("before-") else "better"
        path = name.partition("-")[2].replace("-", "/")
        assert (output.parent / name).stat().st_size == int(
            branches.run("git", "cat-file", "-s", f"{commit}:{path}")
        )
    assert len(pictures) >= 6
    site = output.with_suffix(".html").read_text(encoding="utf-8")
    shown = [
        b64decode(data) for data in re.findall(r'<img src="data:image/png;base64,([^"]*)"', site)
    ]
    assert shown == [(output.parent / name).read_bytes() for name in pictures]
    assert not re.search("https?:", site)


def test_the_same_revisions_give_the_same_report_with_links_to_both_commits(
    branches: Clone,
) -> None:
    arguments = ("main", "faster", "--links", "https://example.org/o/n/raw/")
    text = report(branches, *arguments)
    assert report(branches, *arguments) == text
    before, after = (branches.run("git", "rev-parse", name).strip() for name in ("main", "faster"))
    root = "https://example.org/o/n/raw"
    assert (
        f"| ![before]({root}/{before}/plots/loss.png) | ![after]({root}/{after}/plots/loss.png) |"
    ) in text.splitlines()


also = partial(pytest.param, marks=pytest.mark.all)


@pytest.mark.parametrize(
    ("base", "head", "parts"),
    [
        also("main", "main", ["## ⚪ Same: nothing changed. There is nothing to merge.\n"]),
        also(
            "main",
            "repacked",
            ["## ⛔ Do not merge it: its results do not match a run. Taken as committed: Same: "],
        ),
        ("main", "stale", ["## ⛔ ", "  - `train: params.yaml: train is modified`\n"]),
        also("main", "more", ["| `r2` | none | `0.99` | none |", "| none | `nan` | none |"]),
        ("main", "stage", ["- new: `note`\n", "## ⚪ "]),
        also("main", "no-picture", ["`plots/loss.png`: removed\n"]),
        (
            "before",
            "main",
            ["## ⚪ Not judged: one training only", "| `train.lr` | none | `0.01` |"],
        ),
        also(
            "main",
            "before",
            ["## ⛔ ", "| `0.00647102` | none | none |", "wanted stages, got none"],
        ),
    ],
)
def test_any_two_revisions_can_be_reported(
    branches: Clone, base: str, head: str, parts: list[str]
) -> None:
    text = report(branches, base, head)
    for part in parts:
        assert part in text
    unchanged = {"main", "repacked", "stale", "more", "stage"}
    assert ("### Pictures" in text) == ({base, head} - unchanged != set())


def test_uncommitted_changes_are_reported(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.edit("gate.yaml", "limit: 0.05", "limit: 0.06")
    text = report(clone, "main")
    assert "`main` → `the working tree`\n" in text
    assert "| `metrics.validation_mae.limit` | `0.05` | `0.06` |\n" in text


@pytest.mark.all
def test_a_failed_run_is_reported_with_its_error(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"split.train_fraction": 0.001})
    done = clone.try_run("python", "-m", "plumbline", "report", "main", "--full")
    text = done.stdout
    assert done.returncode == 1
    assert "- **Reproduction**: a run from nothing gives something else\n  - " in text
    assert "split: params.yaml: split.train_fraction: wanted a sample in each part" in text
