"""The sections of the report: a heading and what stands below it, or nothing at all."""

from typing import Any

from plumbline.review.diffs import Change
from plumbline.review.markdown import code, codes, image, table
from plumbline.review.pictures import Picture
from tools.gate import Gate, is_beyond, is_number, judge

MARKS = {"better": "🟢", "worse": "🔴"}
NONE = "none"
WIDTH = 400


def changes(title: str, what: str, values: list[Change]) -> list[str]:
    """Each value before and after; no section if none changed."""
    rows = [[code(name), value(old), value(new)] for name, old, new in values]
    return [f"### {title}", table([what, "before", "after"], rows)] if rows else []


def value(content: Any) -> str:
    """The content as code; a number to 6 digits, as the metrics are; a dash for none."""
    if content is None:
        return NONE
    return code(f"{content:.6g}" if isinstance(content, float) else content)


def metrics(values: list[Change], rules: Gate) -> list[str]:
    """Each metric, how far it moved, and what that means; no section if all stayed."""
    if all(old == new for _, old, new in values):
        return []
    rows = []
    for name, old, new in values:
        metric = rules.metrics.get(name)
        judgement = judge(metric, old, new)
        both = is_number(old) and is_number(new)
        moved = new - old if both else 0
        arrow = "↓" if moved < 0 else "↑" if moved > 0 else ""
        words = [MARKS.get(judgement), arrow, "" if judgement == "unjudged" else judgement]
        if is_beyond(metric, new):
            words.append(f"(limit {value(rules.metrics[name].limit)})")
        difference = f"{moved:+.3g}" if moved else "0" if both else NONE
        rows.append([code(name), value(old), value(new), difference, " ".join(filter(None, words))])
    return ["### Metrics", table(["metric", "before", "after", "difference", ""], rows)]


def stages(became: dict[str, str]) -> list[str]:
    """The names of the stages by what became of them; no section if all were skipped."""
    kinds = {
        kind: [n for n, k in became.items() if k == kind]
        for kind in ("ran", "new", "removed", "skipped")
    }
    lines = [f"- {kind}: {codes(names)}" for kind, names in kinds.items() if names]
    return ["### Stages", "\n".join(lines)] if set(became.values()) - {"skipped"} else []


def pictures(changed: list[Picture], shown: dict[str, tuple[str, str]]) -> list[str]:
    """Both versions of each picture that changed, side by side; no section if none did."""
    found = []
    for path, share, *versions in changed:
        found.append(f"{code(path)}: {share:.2%} of the pixels differ")
        if path in shown:
            cells = [
                NONE if content is None else image(where, WIDTH)
                for where, content in zip(shown[path], versions, strict=True)
            ]
            found.append(table(["before", "after"], [cells]))
    return ["### Pictures", *found] if found else []
