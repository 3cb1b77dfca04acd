"""`make report` reports on any two revisions, and on the working tree."""

import re
from collections.abc import Callable
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
    assert said.startswith("🟢 Better: `test_mae` `0.00647102` → `0.00330139` (48.98% lower)\n")
    assert said.splitlines()[0] == text.splitlines()[0].removeprefix("## ")
    assert "\n- **Lock**: fits the parameters and the scripts\n" in text
    assert "\n| `train.lr` | `0.01` | `0.005` |\n" in text
    assert (
        "\n| `test_mae` | `0.00647102` | `0.00330139` | -0.00317 | 🟢 ↓ better (decides) |\n"
        in text
    )
    assert "\n- ran: `train`, `evaluate`, `plot`, `verify`\n" in text
    assert "plots/data.png" not in text
    for name in re.findall(r'<img src="([^"]*)"', text):
        commit = "main" if name.startswith("before-") else "better"
        path = name.partition("-")[2].replace("-", "/")
        assert (output.parent / name).stat().st_size == int(
            branches.run("git", "cat-file", "-s", f"{commit}:{path}")
        )
    assert len(re.findall("<img", text)) == 6


def test_the_same_revisions_give_the_same_report_with_links_to_both_commits(
    branches: Clone,
) -> None:
    arguments = ("main", "faster", "--links", "https://example.org/o/n/raw/")
    text = report(branches, *arguments)
    assert report(branches, *arguments) == text
    before, after = (branches.run("git", "rev-parse", name).strip() for name in ("main", "faster"))
    root = "https://example.org/o/n/raw"
    assert (
        f'<img src="{root}/{before}/plots/loss.png" alt="before" width="400"> '
        f'<img src="{root}/{after}/plots/loss.png" alt="after" width="400">'
    ) in text.splitlines()


@pytest.mark.parametrize(
    ("base", "head", "parts"),
    [
        ("main", "main", ["## ⚪ Same: nothing changed\n"]),
        (
            "main",
            "repacked",
            ["## ⛔ The results are not those of a run. As they are: ⚪ Same: nothing"],
        ),
        ("main", "stale", ["## ⛔ ", "  - `train: params.yaml: train is modified`\n"]),
        ("main", "more", ["| `r2` | none | `0.99` | none |", "| none | `nan` | none |"]),
        ("main", "stage", ["- new: `note`\n", "## ⚪ Same: `test_mae` is still `0.00647102`\n"]),
        ("main", "no-picture", ["`plots/loss.png`: removed\n"]),
        ("before", "main", ["## ⚪ Nothing to compare with", "| `train.lr` | none | `0.01` |"]),
        (
            "main",
            "before",
            ["## ⛔ ", "🔴 Worse: `test_mae` `0.00647102` → none", "wanted stages, got none"],
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
    clone.edit("gate.yaml", "limit: 0.02", "limit: 0.03")
    text = report(clone, "main")
    assert "`main` → `the working tree`\n" in text
    assert "| `metrics.test_mae.limit` | `0.02` | `0.03` |\n" in text


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
