"""The report in Markdown: what changed, whether it is better, and whether it holds."""

import re

from plumbline.review import sections
from plumbline.review.findings import Findings
from plumbline.review.gate import Rules, is_beyond_limit, judge
from plumbline.review.markdown import code, codes


def report(
    findings: Findings, rules: Rules, base: str, head: str, shown: dict[str, tuple[str, str]]
) -> str:
    """The report; the same findings give the same text.

    base, head: the names of the revisions. shown: where the two versions of each picture are.
    """
    parts = [
        f"## {verdict(findings, rules)}",
        f"{code(_short(base))} → {code(_short(head))}",
        validity(findings),
        *sections.changes("Parameters", "parameter", findings.params),
        *sections.changes("The gate's rules", "rule", findings.rules),
        *sections.metrics(findings.metrics, rules),
        *sections.stages(findings.stages),
        *sections.pictures(findings.pictures, shown),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(findings: Findings, rules: Rules) -> str:
    """Better, worse, mixed or same, by which metric, and a warning if the results do not hold."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "new": [], "same": [], "unjudged": []}
    for name, old, new in findings.metrics:
        found[judge(rules.metrics.get(name), old, new)].append(name)
    better, worse = (codes(found[name]) for name in ("better", "worse"))
    if better and worse:
        text = f"🟡 Mixed: better on {better}; worse on {worse}"
    elif better or worse:
        text = f"🟢 Better on {better}" if better else f"🔴 Worse on {worse}"
    elif found["new"]:
        text = "⚪ Nothing to compare with: the base has no such metrics"
    elif findings.changed:
        text = "⚪ Same: no metric changed by more than its tolerance"
    else:
        text = "⚪ Same: nothing changed"
    if beyond := [
        name for name, _, new in findings.metrics if is_beyond_limit(rules.metrics.get(name), new)
    ]:
        text += f"; beyond its limit: {codes(beyond)}"
    return text if findings.hold else f"⛔ The results are not those of a run. As they are: {text}"


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
    return "\n".join(lines)


def _short(name: str) -> str:
    """The name, or the first digits of a full hash."""
    return name[:12] if re.fullmatch("[0-9a-f]{40}", name) else name
