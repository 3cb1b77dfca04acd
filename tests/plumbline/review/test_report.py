"""The report says what changed, whether it is better, and whether the committed results hold."""

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
    """Findings on these repeated trainings, and on metrics of one training."""
    both = {"validation_mae": (1, 2), **metrics}
    old, new = ({n: pair[i] for n, pair in both.items() if pair[i] is not None} for i in (0, 1))
    return NOTHING._replace(base=Measured(old, base), head=Measured(new, head))


def repeated(old: float | None, new: float | None, score: tuple[Any, Any] = (2, 3)) -> Findings:
    """Findings on twenty trainings with these errors, and on a metric of one training."""
    return found(rows(old), rows(new), validation_mae=(old, new), score=score)


def lines_of(findings: Findings, rules: Rules = RULES) -> list[str]:
    return report(findings, rules, ("5" * 40, "new"), None).splitlines()


BETTER = repeated(2, 1)
IT = "Better in 20 of 20 trainings; the median error went from 2 to 1"
LINE = f"🟢 {IT}. Merge it if nothing else speaks against it."
FROM_8 = "Worse in 20 of 20 trainings; the median error went from 8 to 10"
NOT = "Do not merge it as it is."
ONLY_IF = "Merge it only if you want it for some other reason."
REPEAT = "Its error does not speak for it: repeat the trainings on both sides."
DOUBT = "⛔ Do not merge it: its results do not match a run. Its numbers say: "
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
        (BETTER._replace(risen="training loss rose from 1 to 2"),
         f"🔴 Did not learn: training loss rose from 1 to 2. {IT}. {NOT}"),
        (BETTER._replace(problems=[NOT_ADDED]), f"⛔ Not yet: `{NOT_ADDED}`. Then: {IT}"),
        (BETTER._replace(problems=[NOT_ADDED, "train: changed command"]), DOUBT + IT),
        (BETTER._replace(differences=[Difference("a", "b", within=False)]), DOUBT + IT),
        (BETTER._replace(differences=[Difference("a", "b", within=True)]), LINE),
    ],
)  # fmt: skip
def test_the_first_line_says_what_to_do_with_the_change(findings: Findings, line: str) -> None:
    lines = lines_of(findings)
    assert lines[0] == f"## {line}"
    assert "### Stages" not in lines  # none ran


def test_a_metric_of_ones_own_decides_by_one_training_and_says_so() -> None:
    said = "`score`: `Better, by one training: 2 -> 3`"
    both = headline(repeated(1, 2), structs.replace(RULES, metrics=RULES.metrics | SCORE))
    assert re.fullmatch(f"🔴 Worse in 20 of 20 .*; {said}. {NOT}", both)
    none = headline(NOTHING._replace(rules=[Change("a", 1, 2)]), structs.replace(RULES, metrics={}))
    assert none.startswith("⚪ Not judged: no metric decides. Its error ")


def test_a_sentence_says_what_changed_and_what_that_did() -> None:
    for params, sources, said in (
        ("", [], "No parameter changed"),
        ("abcde", [], "With `a` `1` → `2`, `b` `1` → `2`, `c` `1` → `2`, 2 more"),
        ("a", ["a.py", "b.py"], "With `a` `1` → `2`, and changes in `a.py`, `b.py`"),
    ):
        findings = BETTER._replace(params=[Change(name, 1, 2) for name in params], sources=sources)
        assert lines_of(findings)[2] == f"{said}: `validation_mae` `2` → `1`."


def test_both_sides_of_the_validation_are_shown_row_by_row() -> None:
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


def test_what_the_numbers_hide_is_told_below_the_sentence() -> None:
    trained = Measured({}, epochs=[history.Epoch(i, 0.1, 0.2 + i % 2) for i in range(10)])
    swings = (
        "The testing loss swings between 0.2 and 1.2 in the last 10 epochs: "
        "where training stops decides the metrics; lower train.lr in params.yaml."
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


def test_metrics_have_the_order_of_their_rules_and_others_come_last() -> None:
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
         "- **Device**: the base was trained on `cpu`, this on `cuda`; the last digits differ, "),
        (found(None, None, baseline_mae=(1, 2)),
         "Only the validation metrics come from repeated trainings. One training is one draw, and"),
        (with_versions(0.1), f"{VERSIONS} all numbers are the same"),
        (with_versions(0.1000001), f"{VERSIONS} the numbers differ, `score` in digit 7"),
        (with_versions(-2), f"{VERSIONS} the numbers differ, `score` in digit 1"),
        (NOTHING, "- **Reproduction**: not tried; `make report FULL=1` runs all stages again"),
        (NOTHING._replace(differences=[]), "- **Reproduction**: a clean run gives the same bytes"),
        (NOTHING._replace(problems=["a: b"]), "- **Results**: stages have not run since these "),
    ],
)  # fmt: skip
def test_a_line_of_the_report_tells(findings: Findings, line: str) -> None:
    assert [text for text in lines_of(findings) if text.startswith(line)]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(23321.7, 4, "23320"), (-1234567.8, 6, "-1234570"), (1e7, 6, "1e+07")],
)
def test_a_price_is_a_number_without_an_exponent(value: float, digits: int, text: str) -> None:
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
