"""The README and the docs agree with the project."""

import itertools
import re
import shlex
import sys
from collections.abc import Iterator

import pytest
from dvc.cli import parse_args

from plumbline.__main__ import COMMANDS
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES

PAGES = {
    path: path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
}
README = PAGES[ROOT / "README.md"]
# Files that a fresh clone lacks: outputs, and files that a user, a command, DVC or git makes.
MADE = {
    *(path for stage in STAGES.values() for path in stage.outs),
    *("stages/describe.py", "stages/errors.py", "tests/stages/test_describe.py"),
    *("report/report.md", "report/report.html", "data/penguins.csv", "build/diabetes"),
    *(".dvc/tmp/rwlock", ".dvc/cache/runs", ".git/index.lock"),
}


def commands(program: str) -> Iterator[list[str]]:
    """The arguments of each `program` command that a page shows, in a block or inline."""
    for block, inline in re.findall(r"(?m)^    (.*)$|`([^`\n]+)`", "\n".join(PAGES.values())):
        line = (block or inline).partition("  #")[0].removeprefix("python -m ")
        if re.match(rf"([A-Z_]+=\S+ )*{program}( |$)", line) and "..." not in line:
            words = shlex.split(line)
            yield words[words.index(program) + 1 :]


def test_every_path_in_the_docs_exists_or_is_made_and_every_link_leads_to_a_file() -> None:
    gone = "no examples" if (ROOT / "examples").exists() else "examples"  # examples/ may be deleted
    paths = r"`((?:[\w.-]+/)+[\w.-]*\w/?|[\w-]+\.(?:py|yaml|lock|json))`"
    for page, text in PAGES.items():
        for path in {*re.findall(paths, text)} - MADE:
            exists = (ROOT / path).exists() or (page.parent / path).exists()
            assert exists or "NAME" in path or gone in path, f"{page}: {path}"
        for target in re.findall(r"\]\((?!https?://)([\w./-]+)(?:#[\w-]+)?\)", text):
            assert (page.parent / target).is_file() or gone in target, f"{page}: {target}"


def test_every_command_in_the_docs_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in itertools.chain(*commands("make")):
        name, equals, _ = word.partition("=")
        if equals and name not in ("INVARIANCE", "FUZZ"):  # The tests read these two.
            assert f"$({name})" in makefile or f"$(if $({name})" in makefile, word
        elif word.islower():
            assert f"\n{word}:" in makefile, word
    for words in filter(None, commands("dvc")):
        monkeypatch.setattr(sys, "argv", ["dvc", *words])  # parse_args reads it too
        parse_args(words)
    assert {words[0] for words in commands("plumbline") if words} <= {*COMMANDS, "COMMAND"}


def test_the_loop_in_the_readme_is_that_of_the_code() -> None:
    loop = (ROOT / "stages" / "loop.py").read_text(encoding="utf-8").splitlines()
    (shown,) = re.findall(r"(?s)```python\n(.*?)```", README)
    lines = [line for line in shown.splitlines() if line]
    assert [line[4:] for line in loop if line[4:] in lines] == lines


@pytest.mark.slow
def test_make_repro_ends_with_the_lines_that_the_readme_shows(branched: Clone) -> None:
    said = branched.run("python", "-m", "plumbline", "summary")
    assert f"`make repro` ends with:\n\n{said}\n" in re.sub("(?m)^    ", "", README)
    branched.run("git", "checkout", "--quiet", "faster", "--", "metrics.json", "dvc.lock", "plots")
    last = branched.run("python", "-m", "plumbline", "summary").splitlines()[-1]
    assert f"With `train.lr` at 0.02, the last line is `{last}`." in README


def test_the_readme_draws_the_pipeline_and_names_the_outputs_of_each_stage() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \|.*\| ([^|]*) \|$", README)
    outputs = {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows}
    assert outputs == {name: STAGES[name].outs for name in outputs}
    drawn = set()
    for line in re.findall(r"^    (\w+ --> .*)$", README, re.MULTILINE):
        nodes = [node.split(" & ") for node in line.split(" --> ")]
        drawn |= {(a, b) for left, right in itertools.pairwise(nodes) for a in left for b in right}
    makers = {path: name for name, paths in outputs.items() for path in paths}
    needs = {(path, name) for name in outputs for path in STAGES[name].inputs & makers.keys()}
    assert drawn == {(makers[path], name) for path, name in needs}
    assert outputs.keys() >= {"generate", "verify"}


def test_the_development_page_names_every_module_and_folder_of_plumbline() -> None:
    named = re.findall(r"`(plumbline/[\w.]+/?)`", PAGES[ROOT / "docs" / "development.md"])
    parts = [path for path in (ROOT / "plumbline").iterdir() if path.name[0] != "_"]
    assert {f"plumbline/{path.name}{'/' * path.is_dir()}" for path in parts} <= {*named}
