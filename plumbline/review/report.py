"""The report in Markdown: whether a change is better, what changed, and whether it holds."""

import re
from typing import Any, NamedTuple

from plumbline import history
from plumbline.core.errors import UserError
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.lint import declared
from plumbline.review import diffs, lock
from plumbline.review.gate import (
    GATE,
    REPEATED,
    TOLERANCE,
    Change,
    Measured,
    Rules,
    Word,
    beyond_limits,
    check_names,
    compare,
    decisions,
    is_number,
    load_rows,
    other_device,
)
from plumbline.review.git import Checkout
from plumbline.review.page import Picture, changed_pictures, code, codes, image, table
from plumbline.review.reproduction import Difference, problems, reproduce
from plumbline.validation import Row, quartiles

NO_BETTER = "the model is no better than a constant, the median of y"


class Findings(NamedTuple):
    """The changes from a base to a head, and whether the head's committed results hold.

    sources: the files that changed and that no stage makes, such as scripts and tables. risen:
    how the head's training loss rose; empty if it fell. notes: what else the head's metrics hide.
    params, rules: the values that changed in params.yaml and in gate.yaml. versions: the packages
    that stages ran with in different versions. stages: the fate of each, by name. problems: of the
    lock. differences: of a clean run; None without a run.
    """

    measured: Measured
    sources: list[str]
    risen: str
    notes: list[str]
    params: list[Change]
    versions: list[Change]
    rules: list[Change]
    stages: dict[str, str]
    pictures: list[Picture]
    problems: list[str]
    differences: list[Difference] | None

    @property
    def changed(self) -> bool:
        """True if there is a change to show."""
        metrics = [change for change in self.measured.metrics if change.old != change.new]
        ran = set(self.stages.values()) - {"skipped"}
        return bool(metrics or self.params or self.versions or self.rules or ran or self.pictures)

    @property
    def hold(self) -> bool:
        """True if the committed results are those of the pipeline, as far as that was tested."""
        return not self.problems and all(d.within for d in self.differences or [])


def measure(checkout: Checkout, base: str, rules: Rules) -> Measured:
    """What the checkout and the commit `base` measured, in the order of the rules."""
    # A cut lock is refused before DVC warns of it.
    old, new = (lock.locked_stages(checkout, c) for c in (base, checkout.head))
    metrics = diffs.metrics_diff(checkout, base)
    check_names(rules, metrics)
    order = {name: i for i, name in enumerate(rules.metrics)}
    return Measured(
        sorted(metrics, key=lambda change: order.get(change.name, len(order))),
        lock.same_data(old, new),
        load_rows(checkout, base),
        load_rows(checkout, checkout.head),
    )


def find(checkout: Checkout, base: str, rules: Rules, full: bool) -> Findings:
    """The findings on the checkout against the commit `base`; `full`: with a run from nothing."""
    old, new = (lock.locked_stages(checkout, c) for c in (base, checkout.head))
    measured = measure(checkout, base, rules)
    rows = _history(checkout)
    return Findings(
        measured=measured,
        sources=lock.changed_sources(old, new),
        risen=history.loss_rise(rows) if rows else "",
        notes=notes(rows, measured),
        params=diffs.params_diff(checkout, base, str(PARAMS)),
        versions=version_changes(old, new),
        rules=diffs.params_diff(checkout, base, str(GATE)),
        stages=lock.stage_changes(old, new),
        pictures=changed_pictures(checkout, base),
        problems=problems(checkout),
        differences=reproduce(checkout, rules) if full else None,
    )


def version_changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """The packages that stages ran with in different versions; old, new: dvc.lock's entries."""
    before, after = (
        {
            name: version
            for entry in stages.values()
            for name, version in entry.get("params", {}).get(str(VERSIONS), {}).items()
        }
        for stages in (old, new)
    )
    return [
        Change(name, before[name], after[name])
        for name in sorted({*before} & {*after})
        if before[name] != after[name]
    ]


def _history(checkout: Checkout) -> list[history.Row]:
    """The rows of the head's training; none without a history that can be read."""
    stages = checkout.stages("dvc.yaml", checkout.head)
    train = {name: stages[name] for name in {"train"} & stages.keys()}
    try:
        paths = declared.entries(train, "plots")
        return [row for path in paths for row in history.load(checkout.path / path)]
    except (UserError, OSError):
        return []


def notes(rows: list[history.Row], measured: Measured) -> list[str]:
    """What the head's numbers of one training hide, a sentence each; rows: of its history."""
    found = [history.loss_swing(rows), history.loss_fall(rows)] if rows else []
    repeated = measured.head or []
    bad = sum(row.error >= row.baseline_mae for row in repeated)
    if repeated and 2 * bad >= len(repeated):
        found.append(f"in {bad} of {len(repeated)} trainings {NO_BETTER}")
    new = {change.name: change.new for change in measured.metrics}
    errors: list[Any] = [new.get(name) for name in ("test_mae", "baseline_mae")]
    if all(map(is_number, errors)) and errors[0] >= errors[1]:
        found.append(f"on the testing samples {NO_BETTER}")
    return [note[0].upper() + note[1:] for note in found if note]


NAMES_IN_A_SENTENCE = 3
ROWS_SHOWN = 20
NONE = "none"

# The mark and the advice of each verdict, the strongest first.
MERGE_NOT = "Do not merge it as it is."
ADVICE: dict[Word, tuple[str, str]] = {
    "worse": ("🔴", MERGE_NOT),
    "better": ("🟢", "Merge it if nothing else speaks against it."),
    "no clear difference": ("⚪", "Merge it only if you want it for other reasons than its error."),
    "not compared": ("⚪", "Merge it if that is on purpose; the next change can be compared."),
    "too few to judge": ("⚪", "Do not merge it for its error."),
    "not judged": ("⚪", "Do not merge it for its error: that takes repeated trainings of both."),
}


def report(
    findings: Findings, rules: Rules, base: str, head: str, shown: dict[str, tuple[str, str]]
) -> str:
    """The report; the same findings give the same text.

    base, head: the names of the revisions. shown: where the two versions of each picture are.
    """
    measured = findings.measured
    parts = [
        f"## {headline(findings, rules)}",
        sentence(findings, rules),
        *[f"⚠️ {note}." for note in findings.notes],
        f"{code(_short(base))} → {code(_short(head))}",
        _validity(findings),
        *_validation(measured),
        *_changes("Parameters", "parameter", findings.params),
        *_changes("The gate's rules", "rule", findings.rules),
        *_metrics(measured, rules),
        *_stages(findings.stages),
        *_pictures(findings.pictures, shown),
        *_rows(measured),
    ]
    return "\n\n".join(parts) + "\n"


def headline(findings: Findings, rules: Rules) -> str:
    """The verdict, and what to do with the change."""
    verdicts = decisions(rules, findings.measured)
    words = [verdict.word for verdict in verdicts.values()]
    mark, advice = next((ADVICE[word] for word in ADVICE if word in words), ADVICE["not judged"])
    text = "; ".join(
        verdict.sentence if name == REPEATED else f"{code(name)}: {code(verdict.sentence)}"
        for name, verdict in verdicts.items()
    )
    if not verdicts:
        text = "Not judged: no metric that decides"
    if not findings.changed:
        mark, text, advice = "⚪", "Same: nothing changed", "There is nothing to merge."
    if beyond := [code(line) for line in beyond_limits(rules, findings.measured)]:
        mark, text, advice = "🔴", "; ".join([text, *beyond]), MERGE_NOT
    if findings.risen:
        mark, text, advice = "🔴", f"Did not learn: {findings.risen}. {text}", MERGE_NOT
    if not findings.hold:
        return f"⛔ Do not merge it: its results do not match a run. Taken as committed: {text}"
    return f"{mark} {text}. {advice}"


def sentence(findings: Findings, rules: Rules) -> str:
    """What was changed, and how far that moved the metrics that decide."""
    changed = [*findings.params, *findings.versions]
    values = [f"{code(n)} {_value(old)} → {_value(new)}" for n, old, new in changed]
    changes = [_some(values), _some([code(path) for path in findings.sources], "changes in ")]
    named = ", and ".join(filter(None, changes))
    moved = [
        f"{code(name)} {_value(old)} → {_value(new)}" if old != new else f"{code(name)} is the same"
        for name, old, new in findings.measured.metrics
        if name in rules.deciding
    ]
    effect = ", ".join(moved) or "no metric that decides"
    return f"{f'With {named}' if named else 'No parameter changed'}: {effect}."


def _some(names: list[str], before: str = "") -> str:
    """The first names after the word before them, and how many more there are; empty for none."""
    more = len(names) - NAMES_IN_A_SENTENCE
    shown = [*names[:NAMES_IN_A_SENTENCE], *([f"{more} more"] if more > 0 else [])]
    return before + ", ".join(shown) if names else ""


def _validation(measured: Measured) -> list[str]:
    """The repeated trainings of both sides; no section if no side has any."""
    if not measured.base and not measured.head:
        return []
    before, after = _side(measured.base or []), _side(measured.head or [])
    verdict = compare(measured.base, measured.head)
    if total := verdict.better + verdict.worse + verdict.equal:
        before.append(f"{verdict.worse} of {total}")
        after.append(f"{verdict.better} of {total}")
    rows = [list(row) for row in zip(SIDE, before, after, strict=False)]
    text = (
        "Each training learns from another part of the training samples, and its error is the mean "
        "absolute error on the rest of them. The testing samples are not used. Trainings with the "
        f"same part are compared in pairs; a difference below {TOLERANCE:.0%} does not count."
    )
    return ["### Validation", table(["", "before", "after"], rows), text]


SIDE = (
    "trainings",
    "median error",
    "half of the errors are between",
    "error of a constant",
    "smaller error in",
)


def _side(rows: list[Row]) -> list[str]:
    """The first four lines of the table for one revision."""
    if not rows:
        return [NONE] * 4
    errors = quartiles([row.error for row in rows])
    constant = quartiles([row.baseline_mae for row in rows]).median
    middle = f"{_value(errors.q1)} and {_value(errors.q3)}"
    return [str(len(rows)), _value(errors.median), middle, _value(constant)]


def _rows(measured: Measured) -> list[str]:
    """The error of each training before and after; no section unless both sides have it."""
    before = {row.seed: row.mae for row in measured.base or []}
    both = [
        (row.seed, before[row.seed], row.mae) for row in measured.head or [] if row.seed in before
    ]
    if not both or all(old == new for _, old, new in both):
        return []
    lines = [
        [str(seed), *["diverged" if mae is None else _value(mae) for mae in pair]]
        for seed, *pair in both[:ROWS_SHOWN]
    ]
    more = [f"And {len(both) - ROWS_SHOWN} more."] if len(both) > ROWS_SHOWN else []
    return ["### Training by training", table(["seed", "before", "after"], lines), *more]


def _changes(title: str, what: str, values: list[Change]) -> list[str]:
    """Each value before and after; no section if none changed."""
    rows = [[code(name), _value(old), _value(new)] for name, old, new in values]
    return [f"### {title}", table([what, "before", "after"], rows)] if rows else []


def _value(content: Any) -> str:
    """The content as code, as params.yaml has it, a number to 6 digits; `none` for None."""
    if content is None:
        return NONE
    if isinstance(content, bool):
        return code(str(content).lower())
    return code(f"{content:.6g}" if isinstance(content, float) else content)


def _metrics(measured: Measured, rules: Rules) -> list[str]:
    """Each metric and how it moved, with the verdict if it decides; nothing if none changed."""
    if all(old == new for _, old, new in measured.metrics):
        return []
    verdicts = decisions(rules, measured)
    rows = []
    for name, old, new in measured.metrics:
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
        difference = f"{moved:+.3g}" if moved else "0" if both else NONE
        rows.append([code(name), _value(old), _value(new), difference, " ".join(words)])
    lines = ["### Metrics", table(["metric", "before", "after", "difference", ""], rows)]
    note = "Only those of the validation are of repeated trainings. One training is one draw"
    other = "" if measured.same_data else ", and these two saw other samples"
    return [*lines, f"{note}{other}."]


def _stages(became: dict[str, str]) -> list[str]:
    """The names of the stages by their fate; no section if all were skipped."""
    kinds = {
        kind: [n for n, k in became.items() if k == kind]
        for kind in ("ran", "new", "removed", "skipped")
    }
    lines = [f"- {kind}: {codes(names)}" for kind, names in kinds.items() if names]
    return ["### Stages", "\n".join(lines)] if set(became.values()) - {"skipped"} else []


def _pictures(changed: list[Picture], shown: dict[str, tuple[str, str]]) -> list[str]:
    """Both versions of each picture that changed, side by side; no section if none did."""
    found = []
    for path, share, *versions in changed:
        before, after = versions
        fate = "new" if before is None else "removed" if after is None else ""
        found.append(f"{code(path)}: {fate or f'{share:.2%} of the pixels differ'}")
        if path in shown:
            names = zip(shown[path], ("before", "after"), versions, strict=True)
            cells = [NONE if content is None else image(w, alt) for w, alt, content in names]
            found.append(table(["before", "after"], [cells]))
    return ["### Pictures", *found] if found else []


def _validity(findings: Findings) -> str:
    """The outcomes of the lock check and of the run from nothing."""
    lines = ["- **Lock**: fits the parameters and the scripts"]
    if findings.problems:
        lines = ["- **Lock**: not what `dvc repro` would leave"]
        lines += [f"  - {code(problem)}" for problem in findings.problems]
    if findings.differences is None:
        lines.append("- **Reproduction**: not tried")
    elif not findings.differences:
        lines.append("- **Reproduction**: a run from nothing gives the same bytes")
    else:
        within = all(difference.within for difference in findings.differences)
        same = "the same within the tolerances" if within else "something else"
        lines.append(f"- **Reproduction**: a run from nothing gives {same}")
        lines += [f"  - {code(difference)}" for difference in findings.differences]
    if device := other_device(findings.measured.metrics):
        trained = f"the base was trained on {code(device.old)}, this on {code(device.new)}"
        lines.append(f"- **Device**: {trained}; their last digits differ, tolerances compare them")
    if findings.versions:
        ran = [f"{code(n)} {_value(old)} → {_value(new)}" for n, old, new in findings.versions]
        how = _moved_digits(findings.measured.metrics)
        lines.append(f"- **Versions**: {', '.join(ran)}; {how}")
    return "\n".join(lines)


def _moved_digits(metrics: list[Change]) -> str:
    """The first digit in which each number differs, the largest differences first."""
    moved = sorted(
        (next(d for d in range(1, 18) if f"{old:.{d}g}" != f"{new:.{d}g}"), name)
        for name, old, new in metrics
        if is_number(old) and is_number(new) and old != new
    )
    names = [f"{code(name)} in digit {digit}" for digit, name in moved]
    return _some(names, "the numbers differ, ") or "all numbers are the same"


def _short(name: str) -> str:
    """The name, or the first digits of a full hash."""
    return name[:12] if re.fullmatch("[0-9a-f]{40}", name) else name
