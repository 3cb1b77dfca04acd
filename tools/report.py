"""Report in Markdown what changed between two revisions, and whether it is better.

Usage: python -m tools.report BASE [HEAD] [--full] [--output FILE] [--links URL]
"""

import re
from argparse import Namespace
from pathlib import Path

from plumbline.review import arguments as command
from plumbline.review import pictures as album
from plumbline.review import sections as section
from plumbline.review.findings import Review, review
from plumbline.review.git import clone_of, commit, working_tree
from plumbline.review.markdown import code, codes
from tools import gate
from tools.gate import Gate, is_beyond, judge


def report(
    review: Review, rules: Gate, base: str, head: str, shown: dict[str, tuple[str, str]]
) -> str:
    """The report; base, head: their names; shown: where each picture's two versions are, if at all.

    The same review gives the same text.
    """
    parts = [
        f"## {verdict(review, rules)}",
        f"{code(short(base))} → {code(short(head))}",
        held(review),
        *section.changes("Parameters", "parameter", review.params),
        *section.changes("The gate's rules", "rule", review.rules),
        *section.metrics(review.metrics, rules),
        *section.stages(review.stages),
        *section.pictures(review.pictures, shown),
    ]
    return "\n\n".join(parts) + "\n"


def short(name: str) -> str:
    """The name, or the first digits of a full hash."""
    return name[:12] if re.fullmatch("[0-9a-f]{40}", name) else name


def verdict(review: Review, rules: Gate) -> str:
    """Better, worse, mixed or same, on which metric, and a warning if that cannot be trusted."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "new": [], "same": [], "unjudged": []}
    for name, old, new in review.metrics:
        found[judge(rules.metrics.get(name), old, new)].append(name)
    better, worse = (codes(found[name]) for name in ("better", "worse"))
    if better and worse:
        text = f"🟡 Mixed: better on {better}; worse on {worse}"
    elif better or worse:
        text = f"🟢 Better on {better}" if better else f"🔴 Worse on {worse}"
    elif found["new"]:
        text = "⚪ Nothing to compare with: the base has no such metrics"
    elif anything(review):
        text = "⚪ Same: no metric changed by more than its tolerance"
    else:
        text = "⚪ Same: nothing changed"
    if beyond := [
        name for name, _, new in review.metrics if is_beyond(rules.metrics.get(name), new)
    ]:
        text += f"; beyond its limit: {codes(beyond)}"
    return text if holds(review) else f"⛔ What is committed does not hold. As committed: {text}"


def anything(review: Review) -> bool:
    """Whether anything changed that the report would show."""
    shown = [change for change in review.metrics if change.old != change.new]
    ran = set(review.stages.values()) - {"skipped"}
    return bool(shown or review.params or review.rules or ran or review.pictures)


def holds(review: Review) -> bool:
    """Whether what is committed is what the pipeline gives, as far as it was looked at."""
    return not review.problems and all(d.within for d in review.differences or [])


def held(review: Review) -> str:
    """The outcomes of the lock check and of the reproduction."""
    lines = ["- **Lock**: fits the parameters and the scripts"]
    if review.problems:
        lines = ["- **Lock**: not what `dvc repro` would leave"]
        lines += [f"  - {code(problem)}" for problem in review.problems]
    if review.differences is None:
        lines.append("- **Reproduction**: not tried")
    elif not review.differences:
        lines.append("- **Reproduction**: a run from nothing gives the same bytes")
    else:
        within = all(difference.within for difference in review.differences)
        same = "the same within the tolerances" if within else "something else"
        lines.append(f"- **Reproduction**: a run from nothing gives {same}")
        lines += [f"  - {code(difference)}" for difference in review.differences]
    return "\n".join(lines)


def main(arguments: Namespace) -> None:
    rules, base = gate.load(), commit(arguments.base)
    head = commit(arguments.head) if arguments.head else working_tree()
    with clone_of(head) as clone:
        found = review(clone, base, rules, arguments.full)
    shown: dict[str, tuple[str, str]] = {}
    if arguments.links:
        root = arguments.links.rstrip("/")
        shown = album.linked(found.pictures, f"{root}/{base}", f"{root}/{head}")
    elif arguments.output:
        shown = album.written(found.pictures, arguments.output.parent)
    name = arguments.head or "the working tree"
    text = report(found, rules, arguments.base, name, shown)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text, encoding="utf-8", newline="\n")
        print(text.partition("\n")[0].removeprefix("## "))
        print(f"wrote {arguments.output}")
    else:
        print(text, end="")


if __name__ == "__main__":
    options = command.parser(__doc__)
    options.add_argument("base", help="the revision to compare with")
    options.add_argument("head", nargs="?", help="the revision to report on; else the working tree")
    options.add_argument("--full", action="store_true", help="run the pipeline anew and compare")
    options.add_argument("--output", type=Path, help="write a file, and the pictures beside it")
    options.add_argument("--links", help="show pictures below this address: URL/COMMIT/PATH")
    command.run(main, options)
