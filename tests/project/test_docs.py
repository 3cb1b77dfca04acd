"""README and docs agree with the project."""

import itertools
import re
import shlex
from collections.abc import Callable, Iterator

import pytest
from dvc.cli import parse_args

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
SIX = {name: STAGES[name] for name in ("generate", "split", "train", "evaluate", "plot", "verify")}
OUTPUTS = {path for stage in STAGES.values() for path in stage.outs}
OF_A_USER = {"data/table.csv", "stages/describe.py", "tests/stages/test_describe.py"}
OF_COMMANDS = {"report/report.md", "report/report.html"}
OF_DVC = {".dvc/tmp/rwlock", ".dvc/cache/runs", ".git/index.lock"}  # not in a fresh clone
every_page = pytest.mark.parametrize("page", PAGES)


def shown_below(words: str) -> list[str]:
    """The indented lines of the README below the line that ends with the words."""
    lines = README.partition(f"{words}\n")[2].lstrip("\n").splitlines()
    return [line.strip() for line in itertools.takewhile(lambda line: line[:4].isspace(), lines)]


def commands(page: str, program: str) -> Iterator[list[str]]:
    """The arguments of each `program` command that the page shows, in a block or inline."""
    for block, inline in re.findall(r"(?m)^    (.*)$|`([^`\n]+)`", PAGES[page]):
        line = (block or inline).partition("  #")[0]
        if re.match(rf"([A-Z_]+=\S+ )*{program}( |$)", line) and "..." not in line:
            words = shlex.split(line)
            yield words[words.index(program) + 1 :]


def is_deleted(path: str) -> bool:
    """True for a path in the examples, if a user has deleted them."""
    return "examples" in path.split("/") and not (ROOT / "examples").exists()


@every_page
def test_every_path_exists_or_is_an_output(page: str) -> None:
    for path in re.findall(
        r"`((?:[\w.-]+/)+[\w.-]*\w/?|[\w-]+\.(?:py|yaml|lock|json))`", PAGES[page]
    ):
        here = (ROOT / page).parent / path
        known = path in OUTPUTS | OF_A_USER | OF_COMMANDS | OF_DVC or "NAME" in path
        assert (ROOT / path).exists() or here.exists() or known or is_deleted(path), path


@every_page
def test_every_link_leads_to_a_file(page: str) -> None:
    for target in re.findall(r"\]\((?!https?://)([\w./-]+)(?:#[\w-]+)?\)", PAGES[page]):
        assert ((ROOT / page).parent / target).is_file() or is_deleted(target), target


@every_page
def test_every_make_command_uses_existing_targets_and_variables(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in commands(page, "make"):
        for word in words:
            name, equals, _ = word.partition("=")
            if equals:
                assert f"$({name})" in makefile or f"$(if $({name})" in makefile, word
            elif word.islower():
                assert f"\n{word}:" in makefile, word


@every_page
def test_dvc_accepts_every_command_and_its_options(page: str) -> None:
    for words in commands(page, "dvc"):
        if words:
            parse_args(words)


@pytest.mark.slow
def test_make_repro_ends_with_the_lines_that_the_readme_shows(reproduced: Clone) -> None:
    said = reproduced.run("python", "-m", "plumbline", "summary").splitlines()
    assert shown_below("`make repro` ends with:") == said


@pytest.mark.slow
def test_make_repro_ends_with_the_difference_that_the_readme_shows(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"train.lr": 0.02})
    clone.run("dvc", "repro", "--quiet")
    last = clone.run("python", "-m", "plumbline", "summary").splitlines()[-1]
    assert f"With `train.lr` at 0.02, it is `{last}`." in README


@pytest.mark.slow
def test_the_readme_shows_the_output_of_dvc_metrics_diff(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("git", "checkout", "--quiet", "faster")
    printed = clone.run("dvc", "metrics", "diff", "main").splitlines()
    assert shown_below("`dvc metrics diff main` prints") == [line.strip() for line in printed]


def test_the_readme_draws_the_pipeline_that_dvc_yaml_declares() -> None:
    drawn = set()
    for line in re.findall(r"^    (\w+ --> .*)$", README, re.MULTILINE):
        nodes = [node.split(" & ") for node in line.split(" --> ")]
        drawn |= {(a, b) for left, right in itertools.pairwise(nodes) for a in left for b in right}
    makes = {path: name for name, stage in SIX.items() for path in stage.outs}
    needs = {(makes[path], name) for name, s in SIX.items() for path in s.inputs if path in makes}
    assert drawn == needs


def test_the_readme_names_the_outputs_of_each_stage() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \|.*\| ([^|]*) \|$", README)
    assert {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows} == {
        name: stage.outs for name, stage in SIX.items()
    }


def test_the_readme_fits_on_a_few_screens() -> None:
    assert len(README.splitlines()) <= 120


def test_every_paragraph_is_wrapped_at_120_characters() -> None:
    long = [
        f"{page}: {line}"
        for page, text in PAGES.items()
        for line in text.splitlines()
        if len(line) > 120 and line[0] not in "|!"
    ]
    assert not long


def test_the_development_page_names_every_part_of_plumbline() -> None:
    named = re.findall(r"`(plumbline/[\w.]+/?)`", PAGES["docs/development.md"])
    parts = [path for path in (ROOT / "plumbline").iterdir() if path.name[0] != "_"]
    assert {f"plumbline/{path.name}{'/' * path.is_dir()}" for path in parts} <= {*named}
