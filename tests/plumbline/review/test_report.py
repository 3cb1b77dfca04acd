"""The report says what changed, whether it is better, and whether the committed results hold."""

import re
from typing import Any

import pytest

from plumbline.review.diffs import Change
from plumbline.review.findings import Findings, stage_changes
from plumbline.review.gate import Metric, Pictures, Rules
from plumbline.review.pictures import Picture
from plumbline.review.report import report, verdict
from plumbline.review.reproduction import Difference

RULES = Rules(
    metrics={
        "error": Metric(better="lower", tolerance=0, limit=9),
        "score": Metric(better="higher", tolerance=0),
    },
    pictures=Pictures(tolerance=0),
)
NOTHING = Findings([], [], [], {}, [], [], None)


def metrics(error: tuple[Any, Any], score: tuple[Any, Any]) -> Findings:
    return NOTHING._replace(metrics=[Change("error", *error), Change("score", *score)])


@pytest.mark.parametrize(
    ("findings", "line"),
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
            "⛔ The results are not those of a run. As they are: 🟢 Better on `error`",
        ),
        (
            metrics((2, 1), (2, 2))._replace(differences=[Difference("a", "b", within=False)]),
            "⛔ The results are not those of a run. As they are: 🟢 Better on `error`",
        ),
        (
            metrics((2, 1), (2, 2))._replace(differences=[Difference("a", "b", within=True)]),
            "🟢 Better on `error`",
        ),
    ],
)
def test_the_verdict_is_the_first_line(findings: Findings, line: str) -> None:
    assert report(findings, RULES, "main", "new", {}).splitlines()[0] == f"## {line}"
    assert verdict(findings, RULES) == line


HOSTILE = (
    "`|<img src=x onerror=alert(1)>@everyone\n\n# [x](y) \\| \x1b[31m\u202e ${{ x }} $(x) **b**"
)


def test_text_from_a_branch_never_becomes_markup() -> None:
    findings = Findings(
        metrics=[Change(HOSTILE, HOSTILE, 1)],
        params=[Change(HOSTILE, HOSTILE, [HOSTILE])],
        rules=[Change(HOSTILE, None, {HOSTILE: HOSTILE})],
        stages={HOSTILE: "new"},
        pictures=[Picture(f"plots/{HOSTILE}.png", 0.5, b"", None)],
        problems=[HOSTILE],
        differences=[Difference(HOSTILE, HOSTILE, within=False)],
    )
    shown = {f"plots/{HOSTILE}.png": (f"before-{HOSTILE}", "after")}
    text = report(findings, RULES, HOSTILE, HOSTILE, shown)
    ours = re.sub(r"<code>[A-Za-z0-9 &#;]*</code>|<img src=\"[\w%/.:-]*\" width=\"400\">", "", text)
    assert not set("<>@\\[]$\x1b\u202e") & set(ours)
    assert re.findall("(?m)^#+ .*$", ours)[1:] == [
        f"### {title}"
        for title in ("Parameters", "The gate's rules", "Metrics", "Stages", "Pictures")
    ]
    for row in re.findall(r"(?m)^\|.*$", text):
        assert row.count("|") in {3, 4, 6}


def test_a_stage_ran_if_its_lock_entry_changed() -> None:
    old = {"gone": {"cmd": 1}, "same": {"cmd": 1}, "other": {"cmd": 1}}
    new = {"same": {"cmd": 1}, "other": {"cmd": 2}, "added": {"cmd": 1}}
    became = {"gone": "removed", "same": "skipped", "other": "ran", "added": "new"}
    assert stage_changes(old, new) == became
