"""The report says what changed, whether it is better, and whether its results are reproducible."""

import re
from typing import Any

import pytest
from msgspec import structs

from plumbline import history
from plumbline.core.command import number
from plumbline.review.findings import Findings, notes
from plumbline.review.gate import Metric, Pictures, Rules
from plumbline.review.measured import Change, Measured
from plumbline.review.page import Picture, page
from plumbline.review.report import headline, report
from plumbline.review.reproduction import Difference
from plumbline.validation import Repeat

RULES = Rules(
    metrics={
        "validation_mae": Metric(better="lower", tolerance=0, limit=9, decides=True),
        "score": Metric(better="higher", tolerance=0, limit=0.5),
    },
    pictures=Pictures(tolerance=0),
)
SCORE = {"score": structs.replace(RULES.metrics["score"], decides=True)}
NONE = Measured({})
NOTHING = Findings(NONE, NONE, [], "", [], [], [], [], {}, [], [], None)


def rows(mae: float | None, repeats: int = 20, baseline: float = 4.0) -> list[Repeat]:
    return [Repeat(i, mae, mae, mae, baseline, 9) for i in range(repeats)]


def found(
    base: list[Repeat] | None, head: list[Repeat] | None, **metrics: tuple[Any, Any]
) -> Findings:
    """Findings from these repeated trainings, and from (old, new) metrics of one training."""
    both = {"validation_mae": (1, 2), **metrics}
    old, new = ({n: pair[i] for n, pair in both.items() if pair[i] is not None} for i in (0, 1))
    return NOTHING._replace(base=Measured(old, base), head=Measured(new, head))


def repeated(old: float | None, new: float | None, score: tuple[Any, Any] = (2, 3)) -> Findings:
    """Findings from twenty trainings with these errors, and one training's (old, new) score."""
    return found(rows(old), rows(new), validation_mae=(old, new), score=score)


def lines_of(findings: Findings, rules: Rules = RULES) -> list[str]:
    return report(findings, rules, ("5" * 40, "new"), None).splitlines()


BETTER = repeated(2, 1)
IT = "Better in 20 of 20 trainings; the median error went from 2 to 1"
LINE = f"🟢 {IT}. Merge it unless you see a problem."
FROM_8 = "Worse in 20 of 20 trainings; the median error went from 8 to 10"
NOT = "Do not merge it as it is."
ONLY_IF = "Merge it only if you have another reason to."
REPEAT = "The metrics give no reason to merge it; raise validate.repeats first."
DOUBT = "⛔ Do not merge it: its results do not match its parameters and scripts. The results say: "
NOT_ADDED = "plot: a.png is not in the commit; git add it"


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        (BETTER, LINE),
        (repeated(1, 1), f"⚪ No clear difference: the same in 20 of 20 trainings. {ONLY_IF}"),
        (repeated(8, 10),
         f"🔴 {FROM_8}; `validation_mae is beyond its limit: 10 (limit 9)`. {NOT}"),
        (repeated(2, 1, (3, 0.25)),
         f"🔴 {IT}; `score is beyond its limit: 0.25 (limit 0.5)`. {NOT}"),
        (found(None, rows(2)), f"⚪ Not judged: one training only. {REPEAT}"),
        (NOTHING._replace(stages={"a": "skipped"}),
         "⚪ Same: nothing changed. There is nothing to merge."),
        (BETTER._replace(loss_rise="training loss rose from 1 to 2"),
         f"🔴 Did not learn: training loss rose from 1 to 2. {IT}. {NOT}"),
        (BETTER._replace(problems=[NOT_ADDED]), f"⛔ Not ready: `{NOT_ADDED}`. After that: {IT}"),
        (BETTER._replace(problems=[NOT_ADDED, "train: changed command"]), DOUBT + IT),
        (BETTER._replace(differences=[Difference("a", "b", within=False)]), DOUBT + IT),
        (BETTER._replace(differences=[Difference("a", "b", within=True)]), LINE),
    ],
)  # fmt: skip
def test_the_first_line_has_the_verdict_and_the_advice(findings: Findings, line: str) -> None:
    lines = lines_of(findings)
    assert lines[0] == f"## {line}"
    assert "### Stages" not in lines  # none ran


def test_the_verdict_on_a_custom_metric_says_that_it_is_from_one_training() -> None:
    said = "`score`: `Better, by one training: 2 -> 3`"
    both = headline(repeated(1, 2), structs.replace(RULES, metrics=RULES.metrics | SCORE))
    assert re.fullmatch(f"🔴 Worse in 20 of 20 .*; {said}. {NOT}", both)
    none = headline(NOTHING._replace(rules=[Change("a", 1, 2)]), structs.replace(RULES, metrics={}))
    assert none.startswith("⚪ Not judged: no metric decides. The metrics ")


def test_the_line_below_the_verdict_names_the_changes_and_the_metric_that_decides() -> None:
    for params, sources, said in (
        ("", [], "No parameter changed"),
        ("abcde", [], "With `a` `1` → `2`, `b` `1` → `2`, `c` `1` → `2`, 2 more"),
        ("a", ["a.py", "b.py"], "With `a` `1` → `2`, and changes in `a.py`, `b.py`"),
    ):
        findings = BETTER._replace(params=[Change(name, 1, 2) for name in params], sources=sources)
        assert lines_of(findings)[2] == f"{said}: `validation_mae` `2` → `1`."


def test_the_tables_show_the_repeated_trainings_of_both_revisions() -> None:
    head = [row._replace(mae=None if row.seed == 7 else 1 + row.seed / 10) for row in rows(1, 30)]
    assert {
        "| trainings | 9 | 30 |",
        "| median error | `2` | `2.55` |",
        "| half of the errors are between | `2` and `2` | `1.8` and `3.3` |",
        "| error of a constant | `4` | `4` |",
        "| smaller error in | 1 of 9 | 8 of 9 |",
        "| 7 | `2` | diverged |",
    } <= {*lines_of(found(rows(2, 9), head))}
    last, _, more = lines_of(found(rows(2, 100), rows(1, 100)))[-3:]
    assert (last, more) == ("| 19 | `2` | `1` |", "And 80 more.")


def test_warnings_about_the_results_are_below_the_verdict_and_the_changes() -> None:
    trained = Measured({}, epochs=[history.Epoch(i, 0.1, 0.2 + i % 2) for i in range(10)])
    swings = (
        "The testing loss swings between 0.2 and 1.2 in the last 10 epochs: "
        "the metrics depend on where training stops; lower train.lr in params.yaml."
    )
    constant = "the model is not better than a constant, the median of y."
    half, fewer = ([*rows(4, n), *rows(3, 20 - n)] for n in (10, 9))
    test = {"test_mae": 0.6876, "baseline_mae": 0.6792}
    assert notes(NONE, trained) == [swings]
    assert notes(trained, trained) == [f"As before, t{swings[1:]}"]
    assert notes(NONE, Measured(test, half)) == [
        f"In 10 of 20 trainings {constant}", f"On the testing samples {constant}"
    ]  # fmt: skip
    assert notes(NONE, Measured({}, fewer)) == []
    assert lines_of(BETTER._replace(notes=[swings]))[4:7:2] == [
        f"⚠️ {swings}",
        "`555555555555` → `new`",
    ]


def test_metrics_are_in_the_order_of_their_rules_and_metrics_without_a_rule_are_last() -> None:
    text = "\n".join(lines_of(found(None, None, a=(1, 2), score=(1, 2))))
    assert re.findall(r"(?m)^\| `(\w+)` \| `1`", text) == ["validation_mae", "score", "a"]


def with_versions(score: float) -> Findings:
    findings = found(None, None, validation_mae=(1, 1), score=(0.1, score), device=("a", "b"))
    return findings._replace(versions=[Change("torch", "2.12", "2.13")])


VERSIONS = "- **Versions**: `torch` `2.12` → `2.13`;"


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        (BETTER, "| `validation_mae` | `2` | `1` | -1 | ↓ 🟢 better (decides) (limit `9`) |"),
        (BETTER, "| `score` | `2` | `3` | +1 | ↑ (limit `0.5`) |"),
        (repeated(2, 1, (3, None)), "| `score` | `3` | none | none | gone (limit `0.5`) |"),
        (found(None, None, price=(23456.7, 9)), "| `price` | `23456.7` | `9` | -23400 | ↓ |"),
        (found(None, None, device=("cpu", "cuda")),
         "- **Device**: the base was trained on `cpu`, the head on `cuda`; the last digits differ"),
        (found(None, None, baseline_mae=(1, 2)),
         "Only the validation metrics come from repeated trainings. The others are partly luck, "),
        (with_versions(0.1), f"{VERSIONS} all numbers are the same"),
        (with_versions(0.1000001), f"{VERSIONS} the numbers differ, `score` in digit 7"),
        (with_versions(-2), f"{VERSIONS} the numbers differ, `score` in digit 1"),
        (NOTHING, "- **Reproduction**: not tried; `make report FULL=1` runs all stages again"),
        (NOTHING._replace(differences=[]), "- **Reproduction**: a clean run gives the same bytes"),
        (NOTHING._replace(problems=["a: b"]), "- **Results**: stages have not run since these "),
    ],
)  # fmt: skip
def test_the_report_contains_a_line_for_each_finding(findings: Findings, line: str) -> None:
    assert [text for text in lines_of(findings) if text.startswith(line)]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(23321.7, 4, "23320"), (-1234567.8, 6, "-1234570"), (1e7, 6, "1e+07")],
)
def test_numbers_below_ten_million_have_no_exponent(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


TAGS = {"h2", "h3", "p", "ul", "li", "strong", "code"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
SECTIONS = ["Validation", "Parameters", "The gate's rules", "Metrics", "Stages", "Pictures",
            "Training by training"]  # fmt: skip
HOSTILE = (
    "`|<img src=x onerror=alert(1)>@everyone\n\n# [x](y) \\| \x1b[31m\u202e ${{ x }} $(x) **b**"
)


def test_text_from_a_branch_never_becomes_markup() -> None:
    findings = NOTHING._replace(
        base=Measured({HOSTILE: HOSTILE}, rows(1)),
        head=Measured({HOSTILE: 1}, rows(2)),
        sources=[HOSTILE],
        params=[Change(HOSTILE, HOSTILE, [HOSTILE])],
        versions=[Change(HOSTILE, HOSTILE, HOSTILE)],
        rules=[Change(HOSTILE, None, {HOSTILE: HOSTILE})],
        stages={HOSTILE: "new"},
        pictures=[Picture(f"plots/{HOSTILE}.png", 0.5, b"x", None)],
        problems=[HOSTILE],
        differences=[Difference(HOSTILE, HOSTILE, within=False)],
    )
    rules = structs.replace(RULES, metrics={HOSTILE: SCORE["score"]})
    text = report(findings, rules, (HOSTILE, HOSTILE), lambda path, side, _: f"{side}-{path}")
    image = r"!\[(?:before|after)\]\([\w%/.:;,+=-]*\)"
    ours = re.sub(rf"<code>[A-Za-z0-9 &#;]*</code>|{image}", "", text)
    assert not set("<>@\\[]$\x1b\u202e") & set(ours)
    assert re.findall("(?m)^#+ .*$", ours)[1:] == [f"### {title}" for title in SECTIONS]
    for row in re.findall(r"(?m)^\|.*$", text):
        assert row.count("|") in {3, 4, 6}
    tags = re.findall(r"<(\w+)", page(text).partition("</style>")[2])
    assert not {*tags} - TAGS
