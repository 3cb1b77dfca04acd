"""The report says what changed, whether it is better, and whether the committed results hold."""

import re
from typing import Any

import pytest
from msgspec import structs

from plumbline.review.change import Change
from plumbline.review.findings import Findings
from plumbline.review.gate import Metric, Pictures, Rules
from plumbline.review.lock import changed_sources, stage_changes
from plumbline.review.pictures import Picture
from plumbline.review.report import report, sentence, verdict
from plumbline.review.reproduction import Difference

RULES = Rules(
    metrics={
        "error": Metric(better="lower", tolerance=0, limit=9, decides=True),
        "score": Metric(better="higher", tolerance=0, limit=0.5),
    },
    pictures=Pictures(tolerance=0),
)
BOTH = Rules(
    metrics={name: structs.replace(rule, decides=True) for name, rule in RULES.metrics.items()},
    pictures=RULES.pictures,
)
NOTHING = Findings([], True, [], "", [], [], {}, [], [], None)


def metrics(error: tuple[Any, Any], score: tuple[Any, Any]) -> Findings:
    return NOTHING._replace(metrics=[Change("error", *error), Change("score", *score)])


BETTER = metrics((2, 1), (3, 2))
LINE = "🟢 Better: `error` `2` → `1` (50.00% lower)"
OTHERS = "the samples are others than the base's, so the metrics are not compared."
DOUBT = "⛔ The results are not those of a run. As they are: "


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        (BETTER, LINE),
        (metrics((1, 2), (3, 4)), "🔴 Worse: `error` `1` → `2` (100.00% higher)"),
        (metrics((0, 2), (3, 4)), "🔴 Worse: `error` `0` → `2`"),
        (metrics((0.1, 8), (3, 4)), "🔴 Worse: `error` `0.1` → `8`"),
        (
            metrics((8, 10), (2, 2)),
            "🔴 Worse: `error` `8` → `10` (25.00% higher); beyond its limit: `error`",
        ),
        (metrics((2, 1), (3, 0.25)), LINE + "; beyond its limit: `score`"),
        (metrics((1, None), (2, 2)), "🔴 Worse: `error` `1` → none"),
        (metrics((1, float("nan")), (2, 2)), "🔴 Worse: `error` `1` → `nan`"),
        (metrics((None, 1), (None, 2)), "⚪ Nothing to compare with: the base has no such metrics"),
        (metrics((1, 1), (2, 2)), "⚪ Same: nothing changed"),
        (
            metrics((1, 1), (2, 2))._replace(params=[Change("lr", 1, 2)]),
            "⚪ Same: `error` is still `1`",
        ),
        (
            BETTER._replace(risen="training loss rose from 1 to 2"),
            "🔴 Did not learn: training loss rose from 1 to 2. " + LINE,
        ),
        (BETTER._replace(same_data=False), "⚪ Other data: not compared"),
        (BETTER._replace(problems=["train: changed command"]), DOUBT + LINE),
        (BETTER._replace(differences=[Difference("a", "b", within=False)]), DOUBT + LINE),
        (BETTER._replace(differences=[Difference("a", "b", within=True)]), LINE),
    ],
)
def test_the_verdict_is_the_first_line(findings: Findings, line: str) -> None:
    assert report(findings, RULES, "main", "new", {}).splitlines()[0] == f"## {line}"
    assert verdict(findings, RULES) == line


def test_several_metrics_that_decide_may_be_mixed() -> None:
    assert verdict(BETTER, BOTH).startswith("🟡 Mixed: `error` `2` → `1` (50.00% lower), `score` ")
    assert verdict(metrics((2, 1), (3, 4)), BOTH).startswith("🟢 Better: `error` ")


@pytest.mark.parametrize(
    ("params", "same_data", "said"),
    [
        (["lr"], True, "With `lr` `1` → `2`: `error` `2` → `1` (50.00% lower)."),
        ([], True, "No parameter changed: `error` `2` → `1` (50.00% lower)."),
        (
            ["a", "b", "c", "d", "e"],
            True,
            f"With `a` `1` → `2`, `b` `1` → `2`, `c` `1` → `2`, 2 more: {LINE.partition(': ')[2]}.",
        ),
        (
            ["noise"],
            False,
            f"With `noise` `1` → `2`: {OTHERS}",
        ),
    ],
)
def test_a_sentence_says_what_changed_and_what_that_did(
    params: list[str], same_data: bool, said: str
) -> None:
    changes = [Change(name, 1, 2) for name in params]
    findings = BETTER._replace(params=changes, same_data=same_data)
    assert report(findings, RULES, "main", "new", {}).splitlines()[2] == said


def test_a_sentence_names_the_files_that_changed() -> None:
    findings = BETTER._replace(sources=["stages/a.py", "stages/b.py"])
    effect = "`error` `2` → `1` (50.00% lower)."
    files = "changes in `stages/a.py`, `stages/b.py`"
    assert sentence(findings, RULES) == f"With {files}: {effect}"
    both = findings._replace(params=[Change("lr", 1, 2)])
    assert sentence(both, RULES) == f"With `lr` `1` → `2`, and {files}: {effect}"


def test_a_changed_source_is_a_file_that_no_stage_makes() -> None:
    def entry(script: str, data: str) -> dict[str, Any]:
        return {
            "a": {"deps": [{"path": "a.py", "md5": script}], "outs": [{"path": "d", "md5": data}]},
            "b": {"deps": [{"path": "d", "md5": data}]},
        }

    assert changed_sources(entry("1", "2"), entry("1", "3")) == []
    assert changed_sources(entry("1", "2"), entry("4", "2")) == ["a.py"]
    assert changed_sources({}, entry("1", "2")) == ["a.py"]


@pytest.mark.parametrize(
    ("findings", "row"),
    [
        (BETTER, "| `error` | `2` | `1` | -1 | 🟢 ↓ better (decides) |"),
        (BETTER._replace(same_data=False), "| `error` | `2` | `1` | -1 | ↓ (decides) |"),
        (metrics((2, 1), (3, None)), "| `score` | `3` | none | none | gone |"),
    ],
)
def test_the_metrics_have_a_verdict_if_they_are_there_and_of_the_same_data(
    findings: Findings, row: str
) -> None:
    assert row in report(findings, RULES, "main", "new", {}).splitlines()


HOSTILE = (
    "`|<img src=x onerror=alert(1)>@everyone\n\n# [x](y) \\| \x1b[31m\u202e ${{ x }} $(x) **b**"
)


def test_text_from_a_branch_never_becomes_markup() -> None:
    findings = Findings(
        metrics=[Change(HOSTILE, HOSTILE, 1)],
        same_data=True,
        sources=[HOSTILE],
        risen="",
        params=[Change(HOSTILE, HOSTILE, [HOSTILE])],
        rules=[Change(HOSTILE, None, {HOSTILE: HOSTILE})],
        stages={HOSTILE: "new"},
        pictures=[Picture(f"plots/{HOSTILE}.png", 0.5, b"", None)],
        problems=[HOSTILE],
        differences=[Difference(HOSTILE, HOSTILE, within=False)],
    )
    shown = {f"plots/{HOSTILE}.png": (f"before-{HOSTILE}", "after")}
    text = report(findings, RULES, HOSTILE, HOSTILE, shown)
    image = r'<img src="[\w%/.:-]*" alt="(?:before|after)" width="400">'
    ours = re.sub(rf"<code>[A-Za-z0-9 &#;]*</code>|{image}", "", text)
    assert not set("<>@\\[]$\x1b\u202e") & set(ours)
    assert re.findall("(?m)^#+ .*$", ours)[1:] == [
        f"### {title}"
        for title in ("Parameters", "The gate's rules", "Metrics", "Stages", "Pictures")
    ]
    for row in re.findall(r"(?m)^\|.*$", text):
        assert row.count("|") in {4, 6}


def test_a_stage_ran_if_its_lock_entry_changed() -> None:
    old = {"gone": {"cmd": 1}, "same": {"cmd": 1}, "other": {"cmd": 1}}
    new = {"same": {"cmd": 1}, "other": {"cmd": 2}, "added": {"cmd": 1}}
    became = {"gone": "removed", "same": "skipped", "other": "ran", "added": "new"}
    assert stage_changes(old, new) == became
