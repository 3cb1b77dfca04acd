"""`make report` reports on any two revisions, and on the working tree."""

import re
from base64 import b64decode
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
    assert "\n- **Results**: made with these parameters and scripts\n" in text
    assert "\n| `train.lr` | `0.01` | `0.005` |\n" in text
    assert "\n| `test_mae` | `0.00647102` | `0.00330139` | -0.00317 | ↓ |\n" in text
    assert re.search("\n- ran: `train`, .*`evaluate`", text)
    assert "plots/data.png" not in text
    pictures = re.findall(r"!\[(?:before|after)\]\(([^)]*)\)", text)
    for name in pictures:
        commit = "main" if name.startswith("before-") else "better"
        path = name.partition("-")[2].replace("-", "/")
        size = branches.run("git", "cat-file", "-s", f"{commit}:{path}")
        assert (output.parent / name).stat().st_size == int(size)
    assert len(pictures) >= 6
    site = output.with_suffix(".html").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="data:image/png;base64,([^"]*)"', site)
    assert [b64decode(s) for s in shown] == [(output.parent / n).read_bytes() for n in pictures]
    assert not re.search("https?:", site)


def test_the_same_revisions_give_the_same_report_with_links_to_both_commits(
    branches: Clone,
) -> None:
    arguments = ("main", "faster", "--links", "https://example.org/o/n/raw/")
    text = report(branches, *arguments)
    assert report(branches, *arguments) == text
    assert "⚠️ The testing loss swings between 0.005641 and 0.02143 in the last 10 epochs." in text
    old, new = (
        f"https://example.org/o/n/raw/{branches.run('git', 'rev-parse', name).strip()}/plots"
        for name in ("main", "faster")
    )
    row = f"| ![before]({old}/loss.png) | ![after]({new}/loss.png) |"
    assert row in text.splitlines()


@pytest.mark.parametrize(
    ("base", "head", "parts"),
    [
        (
            "smaller",
            "faster",
            [
                "⚠️ Merging smaller conflicts only in results: make merge BRANCH=smaller.\n",
                "⚠️ `smaller` has moved on by 1 commit; compared with",
            ],
        ),
        ("main", "more", ["| `r2` | none | `0.99` | none |", "| none | `nan` | none |"]),
        (
            "before",
            "main",
            [
                "## ⚪ Not judged: one training only",
                "⚠️ `before` shares no commit with this branch",
                "| `train.lr` | none | `0.01` |",
                "`plots/loss.png`: new\n",
                "- new: `generate`, ",
            ],
        ),
        ("main", "before", ["## ⛔ ", "| `0.00647102` | none | none |", "stages, got none"]),
    ],
)
def test_any_two_revisions_can_be_reported(
    branches: Clone, base: str, head: str, parts: list[str]
) -> None:
    text = report(branches, base, head)
    assert [part for part in parts if part not in text] == []


def test_uncommitted_changes_are_reported(branched: Clone) -> None:
    branched.edit("gate.yaml", "limit: 0.05", "limit: 0.06")
    text = report(branched, "main")
    assert "`main` → `the working tree`\n" in text
    assert "| `metrics.validation_mae.limit` | `0.05` | `0.06` |\n" in text


def test_a_folder_that_cannot_be_written_is_one_line(branches: Clone, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    output = str(tmp_path / "file" / "report.md")
    done = branches.try_run("python", "-m", "plumbline", "report", "main", "--output", output)
    assert done.returncode == 1
    assert done.stdout.startswith(f"report: {output}: cannot be written (")
    assert done.stdout.endswith("); write elsewhere with --output FILE\n")


@pytest.mark.all
def test_a_failed_run_is_reported_with_its_error(branched: Clone) -> None:
    branched.set_params({"split.train_fraction": 0.001})
    done = branched.try_run("python", "-m", "plumbline", "report", "main", "--full")
    assert done.returncode == 1
    said = "- **Reproduction**: a clean run gives different results\n  - "
    assert said in done.stdout
    assert "split: params.yaml: split.train_fraction: wanted a sample in each part" in done.stdout
