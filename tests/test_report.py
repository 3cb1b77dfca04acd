"""The report says what changed, whether it is better, and whether what is committed holds."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plumbline.review.diffs import Change
from plumbline.review.findings import Review, ran
from plumbline.review.pictures import Picture
from plumbline.review.reproduction import Difference
from tests.clone import ROOT, Clone
from tools.gate import Gate, Metric, Pictures
from tools.report import report, verdict

RULES = Gate(
    metrics={
        "error": Metric(better="lower", tolerance=0, limit=9),
        "score": Metric(better="higher", tolerance=0),
    },
    pictures=Pictures(tolerance=0),
)
NOTHING = Review([], [], [], {}, [], [], None)


def metrics(error: tuple[Any, Any], score: tuple[Any, Any]) -> Review:
    return NOTHING._replace(metrics=[Change("error", *error), Change("score", *score)])


@pytest.mark.parametrize(
    ("review", "line"),
    [
        (metrics((2, 1), (2, 2)), "🟢 Better on `error`"),
        (metrics((2, 1), (2, 3)), "🟢 Better on `error`, `score`"),
        (metrics((1, 2), (2, 2)), "🔴 Worse on `error`"),
        (metrics((2, 1), (2, 1)), "🟡 Mixed: better on `error`; worse on `score`"),
        (metrics((8, 10), (2, 2)), "🔴 Worse on `error`; beyond its limit: `error`"),
        (metrics((1, None), (2, 2)), "🔴 Worse on `error`"),
        (metrics((1, float("nan")), (2, 2)), "🔴 Worse on `error`"),
        (metrics((None, 1), (None, 2)), "⚪ Nothing to compare with: the base has no such metrics"),
        (metrics((1, 1), (2, 2)), "⚪ Same: nothing changed"),
        (
            metrics((1, 1), (2, 2))._replace(params=[Change("lr", 1, 2)]),
            "⚪ Same: no metric changed by more than its tolerance",
        ),
        (
            metrics((2, 1), (2, 2))._replace(problems=["train: changed command"]),
            "⛔ What is committed does not hold. As committed: 🟢 Better on `error`",
        ),
        (
            metrics((2, 1), (2, 2))._replace(differences=[Difference("a", "b", within=False)]),
            "⛔ What is committed does not hold. As committed: 🟢 Better on `error`",
        ),
        (
            metrics((2, 1), (2, 2))._replace(differences=[Difference("a", "b", within=True)]),
            "🟢 Better on `error`",
        ),
    ],
)
def test_the_verdict_is_the_first_line(review: Review, line: str) -> None:
    assert report(review, RULES, "main", "new", {}).splitlines()[0] == f"## {line}"
    assert verdict(review, RULES) == line


HOSTILE = (
    "`|<img src=x onerror=alert(1)>@everyone\n\n# [x](y) \\| \x1b[31m\u202e ${{ x }} $(x) **b**"
)


def test_text_from_a_branch_stays_text() -> None:
    review = Review(
        metrics=[Change(HOSTILE, HOSTILE, 1)],
        params=[Change(HOSTILE, HOSTILE, [HOSTILE])],
        rules=[Change(HOSTILE, None, {HOSTILE: HOSTILE})],
        stages={HOSTILE: "new"},
        pictures=[Picture(f"plots/{HOSTILE}.png", 0.5, b"", None)],
        problems=[HOSTILE],
        differences=[Difference(HOSTILE, HOSTILE, within=False)],
    )
    shown = {f"plots/{HOSTILE}.png": (f"before-{HOSTILE}", "after")}
    text = report(review, RULES, HOSTILE, HOSTILE, shown)
    ours = re.sub(r"<code>[A-Za-z0-9 &#;]*</code>|<img src=\"[\w%/.:-]*\" width=\"400\">", "", text)
    assert not set("<>@\\[]$\x1b\u202e") & set(ours)
    assert re.findall("(?m)^#+ .*$", ours)[1:] == [
        f"### {title}"
        for title in ("Parameters", "The gate's rules", "Metrics", "Stages", "Pictures")
    ]
    for row in re.findall(r"(?m)^\|.*$", text):
        assert row.count("|") in {3, 4, 6}


def test_a_stage_ran_if_its_part_of_the_lock_changed() -> None:
    old = {"gone": {"cmd": 1}, "same": {"cmd": 1}, "other": {"cmd": 1}}
    new = {"same": {"cmd": 1}, "other": {"cmd": 2}, "added": {"cmd": 1}}
    assert ran(old, new) == {"gone": "removed", "same": "skipped", "other": "ran", "added": "new"}


def written(clone: Clone, *arguments: str) -> str:
    return clone.run("python", "-m", "tools.report", *arguments)


@pytest.mark.pipeline
def test_a_better_branch_is_reported_with_its_parameters_metrics_stages_and_pictures(
    branches: Clone, tmp_path: Path
) -> None:
    output = tmp_path / "report" / "report.md"
    said = written(branches, "main", "better", "--output", str(output))
    text = output.read_text(encoding="utf-8")
    assert said.startswith("🟢 Better on `test_mae`, `test_rmse`, `test_max_error`, `train_mae`")
    assert said.splitlines()[0] == text.splitlines()[0].removeprefix("## ")
    assert "\n- **Lock**: fits the parameters and the scripts\n" in text
    assert "\n| `train.lr` | `0.01` | `0.005` |\n" in text
    assert "\n| `test_mae` | `0.00647102` | `0.00330139` | -0.00317 | 🟢 ↓ better |\n" in text
    assert "\n- ran: `train`, `evaluate`, `plot`, `verify`\n" in text
    assert "plots/data.png" not in text
    for name in re.findall(r'<img src="([^"]*)"', text):
        commit = "main" if name.startswith("before-") else "better"
        path = name.partition("-")[2].replace("-", "/")
        assert (output.parent / name).stat().st_size == int(
            branches.run("git", "cat-file", "-s", f"{commit}:{path}")
        )
    assert len(re.findall("<img", text)) == 6


@pytest.mark.pipeline
def test_the_same_two_revisions_give_the_same_text_with_links_to_both_commits(
    branches: Clone,
) -> None:
    arguments = ("main", "worse", "--links", "https://example.org/o/n/raw/")
    text = written(branches, *arguments)
    assert written(branches, *arguments) == text
    assert text.startswith("## 🔴 Worse on ")
    before, after = (branches.run("git", "rev-parse", name).strip() for name in ("main", "worse"))
    for commit in (before, after):
        address = f"https://example.org/o/n/raw/{commit}/plots/predictions.png"
        assert f'<img src="{address}" width="400">' in text


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("base", "head", "parts"),
    [
        ("main", "main", ["## ⚪ Same: nothing changed\n"]),
        (
            "main",
            "repacked",
            ["## ⛔ What is committed does not hold. As committed: ⚪ Same: nothing"],
        ),
        ("main", "stale", ["## ⛔ ", "  - `train: params.yaml: train is modified`\n"]),
        ("main", "more", ["| `r2` | none | `0.99` | none |", "| none | `nan` | none |"]),
        ("main", "stage", ["- new: `note`\n", "## ⚪ Same: no metric changed by"]),
        ("main", "no-picture", ["`plots/loss.png`: 100.00% of the pixels differ\n"]),
        ("before", "main", ["## ⚪ Nothing to compare with", "| `train.lr` | none | `0.01` |"]),
        ("main", "before", ["## ⛔ ", "🔴 Worse on `test_mae`", "wanted stages, got none"]),
    ],
)
def test_any_two_revisions_can_be_reported(
    branches: Clone, base: str, head: str, parts: list[str]
) -> None:
    text = written(branches, base, head)
    for part in parts:
        assert part in text
    unchanged = {"main", "repacked", "stale", "more", "stage"}
    assert ("### Pictures" in text) == ({base, head} - unchanged != set())


@pytest.mark.pipeline
def test_the_working_tree_is_reported_before_it_is_committed(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.edit("gate.yaml", "limit: 0.02", "limit: 0.03")
    text = written(clone, "main")
    assert "`main` → `the working tree`\n" in text
    assert "| `metrics.test_mae.limit` | `0.02` | `0.03` |\n" in text


@pytest.mark.pipeline
def test_a_run_that_fails_is_reported_with_its_line(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"split.train_fraction": 0.001})
    text = written(clone, "main", "--full")
    assert "- **Reproduction**: a run from nothing gives something else\n  - " in text
    assert "split: params.yaml: split.train_fraction: wanted a sample in each part" in text


@pytest.mark.pipeline
def test_the_readme_shows_lines_of_a_real_report(branches: Clone) -> None:
    shown = re.findall(r"(?m)^> (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"))
    text = written(branches, "main", "better", "--full")
    assert shown
    assert not [line for line in shown if f"{line}\n" not in text]
