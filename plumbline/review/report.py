"""The report in Markdown: the verdict, what changed, and whether the results are reproducible."""

import re
from collections.abc import Sequence
from typing import Any

from plumbline.core.command import number
from plumbline.review import gate
from plumbline.review.findings import Findings
from plumbline.review.measured import Change, compare_values, has_changed, is_number
from plumbline.review.page import Address, Picture, code, image, table
from plumbline.review.reproduction import ADD, NOT_RUN, outcome
from plumbline.validation import Repeat, quartiles

NAMES_IN_A_SENTENCE = 3
ROWS_SHOWN = 20
NONE = "none"
HASH = re.compile("[0-9a-f]{40}")

# Mark and advice for each verdict. Of several verdicts, the one listed first here sets both.
DO_NOT_MERGE = "Do not merge it as it is."
ADVICE: dict[gate.Word, tuple[str, str]] = {
    "worse": ("🔴", DO_NOT_MERGE),
    "better": ("🟢", "Merge it unless you see a problem."),
    "no clear difference": ("⚪", "Merge it only if you have another reason to."),
    "not compared": ("⚪", "Merge it if that is intended; later changes can be compared again."),
    "too few to judge": ("⚪", "The metrics give no reason to merge it."),
    "not judged": ("⚪", "The metrics give no reason to merge it; raise validate.repeats first."),
}


def report(
    findings: Findings, rules: gate.Rules, names: tuple[str, str], address: Address | None
) -> str:
    """The report; the same findings give the same text.

    names: of the base and the head. address: returns a picture's address; None shows no pictures.
    """
    parts = [
        f"## {headline(findings, rules)}",
        sentence(findings, rules),
        *[f"⚠️ {note}" for note in findings.notes],
        " → ".join(short(name) for name in names),
        _validity(findings),
        *_validation(findings),
        *_changes("Parameters", "parameter", findings.params),
        *_changes("The gate's rules", "rule", findings.rules),
        *_metrics(findings, rules),
        *_stages(findings.stages),
        *_pictures(findings.pictures, address),
        *_rows(findings),
    ]
    return "\n\n".join(parts) + "\n"


def short(name: str) -> str:
    """The revision's name as code; a full hash is cut to 12 digits."""
    return code(name[:12] if HASH.fullmatch(name) else name)


def headline(findings: Findings, rules: gate.Rules) -> str:
    """The first line: the verdict, and whether to merge the change."""
    verdicts = gate.decisions(rules, findings.base, findings.head)
    words = [verdict.word for verdict in verdicts.values()]
    mark, advice = next((ADVICE[word] for word in ADVICE if word in words), ADVICE["not judged"])
    text = "; ".join(
        verdict.sentence if name == gate.VALIDATED else f"{code(name)}: {code(verdict.sentence)}"
        for name, verdict in verdicts.items()
    )
    if not verdicts:
        text = "Not judged: no metric decides"
    if not findings.changed:
        mark, text, advice = "⚪", "Same: nothing changed", "There is nothing to merge."
    if beyond := [code(line) for line in gate.beyond_limits(rules, findings.head)]:
        mark, text, advice = "🔴", "; ".join([text, *beyond]), DO_NOT_MERGE
    if findings.loss_rise:
        mark, text, advice = "🔴", f"Did not learn: {findings.loss_rise}. {text}", DO_NOT_MERGE
    if findings.problems and all(line.endswith(ADD) for line in findings.problems):
        return f"⛔ Not ready: {code('; '.join(findings.problems))}. After that: {text}"
    if not findings.results_match:
        doubt = "its results do not match its parameters and scripts"
        return f"⛔ Do not merge it: {doubt}. The results say: {text}"
    return f"{mark} {text}. {advice}"


def sentence(findings: Findings, rules: gate.Rules) -> str:
    """The changed values and sources, and the metrics that decide, before and after."""
    values = [_arrow(change) for change in [*findings.params, *findings.versions]]
    changes = [_some(values), _some([code(path) for path in findings.sources], "changes in ")]
    named = ", and ".join(filter(None, changes))
    metrics = compare_values(findings.base.metrics, findings.head.metrics, rules.metrics)
    deciding = [change for change in metrics if change.name in rules.deciding]
    moved = [_arrow(c) if c.old != c.new else f"{code(c.name)} is the same" for c in deciding]
    effect = ", ".join(moved) or "no metric decides"
    return f"{f'With {named}' if named else 'No parameter changed'}: {effect}."


def _arrow(change: Change) -> str:
    return f"{code(change.name)} {_value(change.old)} → {_value(change.new)}"


def _some(names: list[str], before: str = "") -> str:
    """The text `before`, the first names, and how many more there are; empty if `names` is."""
    more = len(names) - NAMES_IN_A_SENTENCE
    shown = [*names[:NAMES_IN_A_SENTENCE], *([f"{more} more"] if more > 0 else [])]
    return before + ", ".join(shown) if names else ""


def _validity(findings: Findings) -> str:
    """Whether the results are up to date and reproducible, and how devices and versions differ."""
    lock = NOT_RUN if findings.problems else "made with these parameters and scripts"
    ran = "not tried; `make report FULL=1` runs all stages again"
    if findings.differences is not None:
        ran = outcome(findings.differences)
    lines = [f"- **Results**: {lock}", *(f"  - {code(problem)}" for problem in findings.problems)]
    lines.append(f"- **Reproduction**: {ran}")
    lines += [f"  - {code(difference)}" for difference in findings.differences or []]
    base, head = findings.base.metrics, findings.head.metrics
    if has_changed(base, head, gate.DEVICE):
        old, new = (code(metrics[gate.DEVICE]) for metrics in (base, head))
        trained = f"the base was trained on {old}, the head on {new}"
        lines.append(f"- **Device**: {trained}; the last digits differ, so tolerances apply")
    if findings.versions:
        moved = sorted(
            (next((d for d in range(1, 18) if f"{old:.{d}g}" != f"{new:.{d}g}"), 18), name)
            for name, old, new in compare_values(base, head)
            if is_number(old) and is_number(new) and old != new
        )
        digits = [f"{code(name)} in digit {digit}" for digit, name in moved]
        how = _some(digits, "the numbers differ, ") or "all numbers are the same"
        lines.append(f"- **Versions**: {', '.join(map(_arrow, findings.versions))}; {how}")
    return "\n".join(lines)


def _validation(findings: Findings) -> list[str]:
    """The repeated trainings of base and head; no section if neither has any."""
    sides = findings.base.repeats, findings.head.repeats
    if not any(sides):
        return []
    before, after = (_column(rows or []) for rows in sides)
    verdict = gate.compare(*sides)
    if total := verdict.better + verdict.worse + verdict.equal:
        before.append(f"{verdict.worse} of {total}")
        after.append(f"{verdict.better} of {total}")
    names = ("trainings", "median error", "half of the errors are between", "error of a constant")
    rows = [list(row) for row in zip((*names, "smaller error in"), before, after, strict=False)]
    text = (
        "Each training uses a different part of the training samples. Its error is the mean "
        "absolute error on other training samples; the testing samples are not used. "
        "Trainings on the same part are compared in pairs; a difference below "
        f"{gate.TOLERANCE:.0%} is ignored."
    )
    return ["### Validation", table(["", "before", "after"], rows), text]


def _column(rows: Sequence[Repeat]) -> list[str]:
    """One revision's column of the table, without the last cell."""
    if not rows:
        return [NONE] * 4
    errors = quartiles([row.error for row in rows])
    constant = quartiles([row.baseline_mae for row in rows]).median
    middle = f"{_value(errors.q1)} and {_value(errors.q3)}"
    return [str(len(rows)), _value(errors.median), middle, _value(constant)]


def _rows(findings: Findings) -> list[str]:
    """The error of each training in both revisions; no section if no error changed."""
    sides = findings.base.repeats, findings.head.repeats
    before, after = ({row.seed: row.mae for row in rows or []} for rows in sides)
    seeds = [seed for seed in after if seed in before]
    if all(before[seed] == after[seed] for seed in seeds):
        return []
    lines = [
        [str(seed), *("diverged" if m[seed] is None else _value(m[seed]) for m in (before, after))]
        for seed in seeds[:ROWS_SHOWN]
    ]
    more = [f"And {len(seeds) - ROWS_SHOWN} more."] if len(seeds) > ROWS_SHOWN else []
    return ["### Training by training", table(["seed", "before", "after"], lines), *more]


def _changes(title: str, what: str, values: list[Change]) -> list[str]:
    """Each value before and after; no section if none changed."""
    rows = [[code(name), _value(old), _value(new)] for name, old, new in values]
    return [f"### {title}", table([what, "before", "after"], rows)] if rows else []


def _metrics(findings: Findings, rules: gate.Rules) -> list[str]:
    """Each metric and its change, with the verdict if it decides; no section if none changed."""
    base, head = findings.base, findings.head
    if base.metrics == head.metrics:
        return []
    verdicts = gate.decisions(rules, base, head)
    rows = []
    for name, old, new in compare_values(base.metrics, head.metrics, rules.metrics):
        metric = rules.metrics.get(name)
        both = is_number(old) and is_number(new)
        moved = new - old if both else 0
        counts = metric is None or abs(moved) > metric.tolerance
        words = ["↓" if moved < 0 else "↑"] if moved and counts else []
        words += ["gone"] if new is None else []
        if name in verdicts:
            words += [ADVICE[verdicts[name].word][0], verdicts[name].word, "(decides)"]
        if metric is not None and metric.limit is not None:
            words.append(f"(limit {_value(metric.limit)})")
        difference = "+" * (moved > 0) + number(moved, 3) if both else NONE
        rows.append([code(name), _value(old), _value(new), difference, " ".join(words)])
    lines = ["### Metrics", table(["metric", "before", "after", "difference", ""], rows)]
    note = "Only the validation metrics come from repeated trainings. The others are partly luck"
    other = has_changed(base.metrics, head.metrics, gate.BASELINE)
    return [*lines, f"{note}{', and base and head used different samples' * other}."]


def _stages(states: dict[str, str]) -> list[str]:
    """The stages that ran, are new, were removed or skipped; no section if all were skipped."""
    lines = [
        f"- {kind}: {', '.join(names)}"
        for kind in ("ran", "new", "removed", "skipped")
        if (names := [code(name) for name, state in states.items() if state == kind])
    ]
    return ["### Stages", "\n".join(lines)] if {*states.values()} - {"skipped"} else []


def _pictures(pictures: list[Picture], address: Address | None) -> list[str]:
    """Both versions of each picture that changed, side by side; no section if none changed."""
    found = []
    for path, fraction, before, after in pictures:
        fate = "new" if before is None else "removed" if after is None else ""
        found.append(f"{code(path)}: {fate or f'{fraction:.2%} of the pixels differ'}")
        if address:
            sides = {"before": before, "after": after}
            cells = [image(address(path, s, c), s) if c else NONE for s, c in sides.items()]
            found.append(table([*sides], [cells]))
    return ["### Pictures", *found] if found else []


def _value(content: Any) -> str:
    """The value as code, written as in params.yaml; floats have 6 digits; `none` for None."""
    if content is None:
        return NONE
    if isinstance(content, bool):
        return code(str(content).lower())
    return code(number(content) if isinstance(content, float) else content)
