"""The sections of the report: a heading and its text, or nothing."""

from typing import Any

from plumbline.review.change import Change
from plumbline.review.gate import Rules, is_beyond_limit, is_number, judge
from plumbline.review.markdown import code, codes, image, table
from plumbline.review.pictures import Picture

MARKS = {"better": "🟢", "worse": "🔴"}
NONE = "none"
WIDTH = 400


def changes(title: str, what: str, values: list[Change]) -> list[str]:
    """Each value before and after; no section if none changed."""
    rows = [[code(name), value(old), value(new)] for name, old, new in values]
    return [f"### {title}", table([what, "before", "after"], rows)] if rows else []


def value(content: Any) -> str:
    """The content as code, as params.yaml has it, a number to 6 digits; `none` for None."""
    if content is None:
        return NONE
    if isinstance(content, bool):
        return code(str(content).lower())
    return code(f"{content:.6g}" if isinstance(content, float) else content)


def metrics(values: list[Change], rules: Rules, same_data: bool) -> list[str]:
    """Each metric, its change and, of the same data, the verdict on it; nothing if none changed."""
    if all(old == new for _, old, new in values):
        return []
    rows = []
    for name, old, new in values:
        metric = rules.metrics.get(name)
        verdict = judge(metric, old, new) if same_data else "unjudged"
        both = is_number(old) and is_number(new)
        moved = new - old if both else 0
        arrow = "↓" if moved < 0 else "↑" if moved > 0 else ""
        decides = metric is not None and metric.decides
        mark = MARKS.get(verdict) if decides else ""
        word = "gone" if new is None else "" if verdict == "unjudged" else verdict
        words = [mark, arrow, word, "(decides)" * decides]
        if is_beyond_limit(metric, new):
            words.append(f"(limit {value(rules.metrics[name].limit)})")
        difference = f"{moved:+.3g}" if moved else "0" if both else NONE
        rows.append([code(name), value(old), value(new), difference, " ".join(filter(None, words))])
    return ["### Metrics", table(["metric", "before", "after", "difference", ""], rows)]


def stages(became: dict[str, str]) -> list[str]:
    """The names of the stages by their fate; no section if all were skipped."""
    kinds = {
        kind: [n for n, k in became.items() if k == kind]
        for kind in ("ran", "new", "removed", "skipped")
    }
    lines = [f"- {kind}: {codes(names)}" for kind, names in kinds.items() if names]
    return ["### Stages", "\n".join(lines)] if set(became.values()) - {"skipped"} else []


def pictures(changed: list[Picture], shown: dict[str, tuple[str, str]]) -> list[str]:
    """Both versions of each picture that changed; no section if none did.

    They are side by side where a page has the width for both, else one below the other.
    """
    found = []
    for path, share, *versions in changed:
        before, after = versions
        fate = "new" if before is None else "removed" if after is None else ""
        found.append(
            f"{code(path)}: {fate or f'before and after, {share:.2%} of the pixels differ'}"
        )
        if path in shown:
            names = zip(shown[path], ("before", "after"), versions, strict=True)
            there = [(where, name) for where, name, content in names if content is not None]
            found.append(" ".join(image(where, name, WIDTH) for where, name in there))
    return ["### Pictures", *found] if found else []
