"""The report in Markdown: what changed, whether it is better, and whether it holds."""

import math
import re

from plumbline.review import sections
from plumbline.review.change import Change, other_device
from plumbline.review.findings import Findings
from plumbline.review.gate import Rules, is_beyond_limit, is_number, judge
from plumbline.review.markdown import code, codes
from plumbline.review.sections import value

NAMES_IN_A_SENTENCE = 3
LARGEST_PART = 10  # a change by more than ten times the metric is not told in percent


def report(
    findings: Findings, rules: Rules, base: str, head: str, shown: dict[str, tuple[str, str]]
) -> str:
    """The report; the same findings give the same text.

    base, head: the names of the revisions. shown: where the two versions of each picture are.
    """
    parts = [
        f"## {verdict(findings, rules)}",
        sentence(findings, rules),
        f"{code(_short(base))} → {code(_short(head))}",
        validity(findings),
        *sections.changes("Parameters", "parameter", findings.params),
        *sections.changes("The gate's rules", "rule", findings.rules),
        *sections.metrics(findings.metrics, rules, findings.same_data),
        *sections.stages(findings.stages),
        *sections.pictures(findings.pictures, shown),
    ]
    return "\n\n".join(parts) + "\n"


VERDICTS = {"better": "🟢 Better", "worse": "🔴 Worse", "same": "⚪ Same"}


def verdict(findings: Findings, rules: Rules) -> str:
    """Better, worse, mixed or same, by the metrics that decide; and a warning if nothing holds."""
    decisive = [change for change in findings.metrics if _decides(rules, change)]
    judged: list[str] = [judge(rules.metrics[c.name], c.old, c.new) for c in decisive]
    kinds = {*judged} - {"same"} or {"same"}
    if not findings.same_data:
        text = "⚪ Other data: not compared"
    elif not findings.changed:
        text = "⚪ Same: nothing changed"
    elif "new" in kinds:
        text = "⚪ Nothing to compare with: the base has no such metrics"
    else:
        mark = VERDICTS[kinds.pop()] if len(kinds) == 1 else "🟡 Mixed"
        text = f"{mark}: {', '.join(map(_movement, decisive))}"
    if beyond := [
        name for name, _, new in findings.metrics if is_beyond_limit(rules.metrics.get(name), new)
    ]:
        text += f"; beyond its limit: {codes(beyond)}"
    if findings.risen:
        text = f"🔴 Did not learn: {findings.risen}. {text}"
    return text if findings.hold else f"⛔ The results are not those of a run. As they are: {text}"


def sentence(findings: Findings, rules: Rules) -> str:
    """What was changed, and what that did to the metrics that decide."""
    values = [f"{code(n)} {value(old)} → {value(new)}" for n, old, new in findings.params]
    changes = [_some(values), _some([code(path) for path in findings.sources], "changes in ")]
    named = ", and ".join(filter(None, changes))
    cause = f"With {named}: " if named else "No parameter changed: "
    if not findings.same_data:
        return f"{cause}the samples are others than the base's, so the metrics are not compared."
    effects = [_movement(change) for change in findings.metrics if _decides(rules, change)]
    return f"{cause}{', '.join(effects) or 'there is no metric that decides'}."


def _some(names: list[str], before: str = "") -> str:
    """The first names after the word before them, and how many more there are; empty for none."""
    more = len(names) - NAMES_IN_A_SENTENCE
    shown = [*names[:NAMES_IN_A_SENTENCE], *([f"{more} more"] if more > 0 else [])]
    return before + ", ".join(shown) if names else ""


def _decides(rules: Rules, change: Change) -> bool:
    metric = rules.metrics.get(change.name)
    return metric is not None and metric.decides


def _movement(change: Change) -> str:
    """The metric before and after, and by which part it moved, where that means something."""
    name, old, new = change
    if not (is_number(old) and is_number(new)):
        return f"{code(name)} {value(old)} → {value(new)}"
    if old == new:
        return f"{code(name)} is still {value(old)}"
    part = abs(new - old) / abs(old) if old else math.inf
    words = f" ({part:.2%} {'lower' if new < old else 'higher'})" if part < LARGEST_PART else ""
    return f"{code(name)} {value(old)} → {value(new)}{words}"


def validity(findings: Findings) -> str:
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
    if device := other_device(findings.metrics):
        trained = f"the base was trained on {code(device.old)}, this on {code(device.new)}"
        lines.append(f"- **Device**: {trained}; their last digits differ, tolerances compare them")
    return "\n".join(lines)


def _short(name: str) -> str:
    """The name, or the first digits of a full hash."""
    return name[:12] if re.fullmatch("[0-9a-f]{40}", name) else name
