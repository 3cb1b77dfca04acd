"""README and docs agree with the project."""

import itertools
import re
import shlex
from collections.abc import Iterator

import pytest
from dvc.cli import parse_args

from plumbline.__main__ import COMMANDS
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/**/*.md"),
        ROOT / "benchmarks" / "README.md",
    ]
}
README = PAGES["README.md"]
OURS = {name: STAGES[name] for name in
        ("generate", "split", "train", "validate", "evaluate", "plot", "verify")}  # fmt: skip
OUTPUTS = {path for stage in STAGES.values() for path in stage.outs}
OF_A_USER = {
    "stages/describe.py",
    "stages/errors.py",
    "tests/stages/test_describe.py",
}
OF_COMMANDS = {"report/report.md", "report/report.html"}
OF_DVC = {".dvc/tmp/rwlock", ".dvc/cache/runs", ".git/index.lock"}  # not in a fresh clone


def shown_below(words: str) -> list[str]:
    """The indented lines of the README below the line that ends with the words."""
    lines = README.partition(f"{words}\n")[2].lstrip("\n").splitlines()
    return [line.strip() for line in itertools.takewhile(lambda line: line[:4].isspace(), lines)]


def commands(program: str) -> Iterator[list[str]]:
    """The arguments of each `program` command that a page shows, in a block or inline."""
    for block, inline in re.findall(r"(?m)^    (.*)$|`([^`\n]+)`", "\n".join(PAGES.values())):
        line = (block or inline).partition("  #")[0].removeprefix("python -m ")
        if re.match(rf"([A-Z_]+=\S+ )*{program}( |$)", line) and "..." not in line:
            words = shlex.split(line)
            yield words[words.index(program) + 1 :]


def is_deleted(path: str) -> bool:
    """True for a path in the examples, if a user has deleted them."""
    return "examples" in path.split("/") and not (ROOT / "examples").exists()


def test_every_path_exists_or_is_an_output() -> None:
    paths = r"`((?:[\w.-]+/)+[\w.-]*\w/?|[\w-]+\.(?:py|yaml|lock|json))`"
    for page, text in PAGES.items():
        for path in {*re.findall(paths, text)} - OUTPUTS - OF_A_USER - OF_COMMANDS - OF_DVC:
            here = (ROOT / page).parent / path
            known = "NAME" in path or is_deleted(path)
            assert (ROOT / path).exists() or here.exists() or known, f"{page}: {path}"


def test_every_link_leads_to_a_file() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?://)([\w./-]+)(?:#[\w-]+)?\)", text):
            found = ((ROOT / page).parent / target).is_file()
            assert found or is_deleted(target), f"{page}: {target}"


def test_every_make_command_uses_existing_targets_and_variables() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in commands("make"):
        for word in words:
            name, equals, _ = word.partition("=")
            if equals and name not in ("INVARIANCE", "FUZZ"):  # Tests read these.
                assert f"$({name})" in makefile or f"$(if $({name})" in makefile, word
            elif word.islower():
                assert f"\n{word}:" in makefile, word


def test_dvc_accepts_every_command_and_its_options() -> None:
    for words in filter(None, commands("dvc")):
        parse_args(words)


def test_every_plumbline_command_exists() -> None:
    for name, *_ in filter(None, commands("plumbline")):
        assert name in {*COMMANDS, "COMMAND"}


@pytest.mark.slow
def test_make_repro_ends_with_the_lines_that_the_readme_shows(branched: Clone) -> None:
    said = branched.run("python", "-m", "plumbline", "summary").splitlines()
    assert shown_below("`make repro` ends with:") == said
    branched.run("git", "checkout", "--quiet", "faster", "--", "metrics.json", "dvc.lock", "plots")
    last = branched.run("python", "-m", "plumbline", "summary").splitlines()[-1]
    assert f"With `train.lr` at 0.02, its last line is `{last}`." in README


def test_the_readme_draws_the_pipeline_that_dvc_yaml_declares() -> None:
    drawn = set()
    for line in re.findall(r"^    (\w+ --> .*)$", README, re.MULTILINE):
        nodes = [node.split(" & ") for node in line.split(" --> ")]
        drawn |= {(a, b) for left, right in itertools.pairwise(nodes) for a in left for b in right}
    makes = {path: name for name, stage in OURS.items() for path in stage.outs}
    needs = {(makes[path], name) for name, s in OURS.items() for path in s.inputs if path in makes}
    assert drawn == needs


def test_the_readme_names_the_outputs_of_each_stage() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \|.*\| ([^|]*) \|$", README)
    assert {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows} == {
        name: stage.outs for name, stage in OURS.items()
    }


def test_the_development_page_names_every_part_of_plumbline() -> None:
    named = re.findall(r"`(plumbline/[\w.]+/?)`", PAGES["docs/development.md"])
    parts = [path for path in (ROOT / "plumbline").iterdir() if path.name[0] != "_"]
    assert {f"plumbline/{path.name}{'/' * path.is_dir()}" for path in parts} <= {*named}
