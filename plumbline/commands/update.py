"""Update the library of a project that `new` made, and name the files that `new` would now change.

Usage: python -m plumbline update FOLDER [--merged]
"""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.project import MADE, Made, Plan, digest, make_repro, make_texts, note
from plumbline.review.git import git
from plumbline.wheel import build_wheel, wheel_path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", help="the folder of the project", type=Path)
    parser.add_argument("--merged", help="list no file until it changes again", action="store_true")


def main(options: Namespace) -> None:
    folder = options.folder
    if not (folder / MADE).is_file():
        raise UserError(f"{folder}: wanted a project that `new` made, got no {MADE}")
    if git("status", "--porcelain", "--", ".", cwd=folder):
        raise UserError(f"{folder}: wanted all changes committed, so that git can undo an update")
    old = msgspec.json.decode((folder / MADE).read_bytes(), type=Made)
    version, wheel = build_wheel()
    texts = make_texts(old.plan, version)
    files = {wheel_path(version): wheel}
    for path in ("requirements.txt", "versions.yaml"):
        text = (folder / path).read_bytes()
        if text.count(old.version.encode()) != 1:
            raise UserError(f"{folder / path}: wanted {old.version} once, got another version")
        files[path] = text.replace(old.version.encode(), version.encode())
    (folder / wheel_path(old.version)).unlink(missing_ok=True)
    for path, content in files.items():
        (folder / path).write_bytes(content)

    new = {path: digest(text.encode(), version) for path, text in texts.items()}
    both = sorted({*new, *old.files})
    mine = {k: digest((folder / k).read_bytes(), version) for k in both if (folder / k).is_file()}
    others = [k for k in both if new.get(k) not in (old.files.get(k), mine.get(k))]
    if options.merged and version == old.version:
        others = []
    # A file that is listed keeps the digest of what was last taken, so that it stays listed.
    taken = {k: v for k, v in new.items() if k not in others}
    taken |= {k: old.files[k] for k in others if k in old.files}
    noted = note(Made(old.plan, version, taken))
    is_new_note = noted != (folder / MADE).read_bytes()
    (folder / MADE).write_bytes(noted)

    later = version != old.version
    state = f"has the library {version}" + f", and had {old.version}" * later
    print(printable(f"update: {folder} {state if later or others else 'is up to date'}"))
    if others:
        kept = [k for k in others if mine.get(k) == old.files.get(k)]
        edited = [k for k in others if k not in kept]
        tell(kept, edited, {*others} - {*new})
        fresh, example = f"../fresh/{old.plan.name}", (edited or kept)[0]
        compare = shlex.join(["diff", "-uN", str(folder / example), f"{fresh}/{example}"])
        print(printable(f"to make a new one: {new_command(old.plan, folder, fresh)}"))
        print(printable(f"to compare a file: {compare}"))
    if later or is_new_note:
        todo = f"{make_repro()} && git diff" if later else f"git commit {MADE}"
        print(printable(f"now type: cd {shlex.quote(str(folder))} && {todo}"))


def tell(kept: list[str], edited: list[str], gone: set[str]) -> None:
    """Prints the files that are different in a new project, and what to do with them."""
    for paths, todo in (
        (kept, "you have not changed them: copy them"),
        (edited, "you changed them too: merge them"),
    ):
        if paths:
            print(f"these files are different in a new project, and {todo}")
        for path in paths:
            print(printable(f"  {path}{' (a new one has none: delete it)' * (path in gone)}"))


def new_command(plan: Plan, folder: Path, fresh: str) -> str:
    """The command that makes a project by the same plan, so that only other lines differ."""
    words = [".venv/bin/python", "-m", "plumbline", "new", fresh, "--model", plan.model]
    if table := plan.table:
        words += ["--table", str(folder / table.path), "--target", table.target]
        words += ["--features", ",".join(table.features)] if table.features else []
    return shlex.join(words)
