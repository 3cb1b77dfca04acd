"""`make report` reports on any two revisions, and on the working tree."""

import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # in DVC
]

Plumbline = Callable[..., tuple[int, list[str]]]


def test_the_report_and_its_page_show_parameters_metrics_stages_and_pictures(
    small_branches: Clone, tmp_path: Path
) -> None:
    output = tmp_path / "report" / "report.md"
    arguments = ("report", "main", "better", "--output", str(output))
    said = small_branches.run("python", "-m", "plumbline", *arguments).splitlines()
    lines = output.read_text(encoding="utf-8").splitlines()
    wrote = f"wrote {output} and {output.with_suffix('.html')}"
    assert said == [lines[0].removeprefix("## "), wrote]
    for line in (
        "- **Results**: made with these parameters and scripts",
        "| `lr` | `1` | `2` |",
        "| `validation_mae` | `0.02` | `0.01` | -0.01 | ↓ 🟢 better (decides) (limit `0.05`) |",
        "- ran: `make`",
        "| ![before](before-a.png) | ![after](after-a.png) |",
    ):
        assert line in lines
    site = output.with_suffix(".html").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="data:image/png;base64,([^"]*)"', site)
    written = [output.with_name(f"{side}-a.png").read_bytes() for side in ("before", "after")]
    assert [b64decode(text) for text in shown] == written
    assert not re.search("https?:", site)


def test_the_same_revisions_give_the_same_report_with_links_to_both_commits(
    small_branches: Clone, plumbline: Plumbline
) -> None:
    arguments = (small_branches, "report", "main", "beyond", "--links", "https://example.org/raw/")
    said = plumbline(*arguments)
    assert said == plumbline(*arguments)
    commits = (small_branches.run("git", "rev-parse", name).strip() for name in ("main", "beyond"))
    old, new = (f"https://example.org/raw/{commit}/plumbline/a.png" for commit in commits)
    assert f"| ![before]({old}) | ![after]({new}) |" in said[1]


@pytest.mark.parametrize(
    ("base", "head", "lines"),
    [
        ("better", "unclear", ["⚠️ A merge of better conflicts only in results: make merge BRANCH=",
                               "⚠️ `better` has 1 newer commit; compared with "]),
        ("before", "main", ["## ⚪ Not judged: one training only",
                            "⚠️ `before` shares no commit with this branch", "- new: `make`",
                            "| `lr` | none | `1` |", "`a.png`: new"]),
        ("main", "before", ["## ⛔ ", "| `error` | `1` | none | none |",
                            "  - `dvc.yaml: wanted stages, got none`"]),
    ],
)  # fmt: skip
def test_any_two_revisions_can_be_compared(
    small_branches: Clone, plumbline: Plumbline, base: str, head: str, lines: list[str]
) -> None:
    text = "\n".join(["", *plumbline(small_branches, "report", base, head)[1]])
    assert [line for line in lines if f"\n{line}" not in text] == []


def test_uncommitted_changes_and_a_failed_run_are_reported(
    small: Clone, plumbline: Plumbline
) -> None:
    small.edit("gate.yaml", "0.01", "0.02")
    small.edit("versions.yaml", "1", "2")
    small.edit("code/make.py", "import", "raise SystemExit('no memory')\nimport")
    status, lines = plumbline(small, "report", "HEAD", "--full")
    assert status == 1
    assert "`HEAD` → `the working tree`" in lines
    assert lines[2].startswith("With `numpy` `1` → `2`: ")
    assert "| `metrics.error.tolerance` | `0.01` | `0.02` |" in lines
    assert "### Pictures" not in lines
    at = lines.index("- **Reproduction**: a clean run gives different results")
    assert "no memory" in lines[at + 1]


def test_an_unwritable_folder_prints_one_line_with_the_cure(
    small_branches: Clone, plumbline: Plumbline, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    output = str(tmp_path / "file" / "report.md")
    status, (line,) = plumbline(small_branches, "report", "main", "--output", output)
    assert status == 1
    assert re.fullmatch(f"{output}: cannot be written .*; write elsewhere with --output FILE", line)
