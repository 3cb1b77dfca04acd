"""`make report` reports on any two revisions, and on the working tree."""

import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.commands import report as command
from tests.support.clone import Clone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # in DVC
]

Report = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def report(run_in: Report) -> Report:
    """Runs the report in a clone: the status, and what it says."""

    def report(
        clone: Clone, base: str, head: str | None = None, **options: object
    ) -> tuple[int, list[str]]:
        options = {"full": False, "output": None, "links": None, **options}
        return run_in(clone, command, base=base, head=head, **options)

    return report


def test_the_report_lists_parameters_metrics_stages_and_pictures(
    branches: Clone, tmp_path: Path
) -> None:
    output = tmp_path / "report" / "report.md"
    arguments = ("report", "main", "better", "--output", str(output))
    said = branches.run("python", "-m", "plumbline", *arguments)
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
    small_branches: Clone, report: Report
) -> None:
    url = "https://example.org/raw"
    said = report(small_branches, "main", "worse", links=f"{url}/")
    assert said == report(small_branches, "main", "worse", links=f"{url}/")
    old, new = (
        f"{url}/{small_branches.run('git', 'rev-parse', name).strip()}/plumbline/a.png"
        for name in ("main", "worse")
    )
    assert f"| ![before]({old}) | ![after]({new}) |" in said[1]


@pytest.mark.parametrize(
    ("base", "head", "lines"),
    [
        ("better", "worse", ["⚠️ Merging better conflicts only in results: make merge BRANCH=",
                             "⚠️ `better` has moved on by 1 commit; compared with "]),
        ("before", "main", ["## ⚪ Not judged: one training only",
                            "⚠️ `before` shares no commit with this branch", "- new: `make`",
                            "| `lr` | none | `1` |", "`a.png`: new"]),
        ("main", "before", ["## ⛔ ", "| `error` | `1` | none | none |",
                            "  - `dvc.yaml: wanted stages, got none`"]),
    ],
)  # fmt: skip
def test_any_two_revisions_can_be_reported(
    small_branches: Clone, report: Report, base: str, head: str, lines: list[str]
) -> None:
    text = "\n".join(["", *report(small_branches, base, head)[1]])
    assert [line for line in lines if f"\n{line}" not in text] == []


def test_uncommitted_changes_and_a_run_that_fails_are_reported(
    small: Clone, report: Report
) -> None:
    small.edit("gate.yaml", "0.01", "0.02")
    small.edit("versions.yaml", "1", "2")
    small.edit("code/make.py", "import", "raise SystemExit('no memory')\nimport")
    status, lines = report(small, "HEAD", full=True)
    assert status == 1
    assert "`HEAD` → `the working tree`" in lines
    assert lines[2].startswith("With `numpy` `1` → `2`: ")
    assert "| `metrics.error.tolerance` | `0.01` | `0.02` |" in lines
    at = lines.index("- **Reproduction**: a clean run gives different results")
    assert "no memory" in lines[at + 1]


def test_a_folder_that_cannot_be_written_is_named_with_the_cure(
    small_branches: Clone, report: Report, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "report.md"
    with pytest.raises(ValueError, match=f"^{output}: cannot be written .*; write elsewhere with "):
        report(small_branches, "main", output=output)
