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
    noted = (folder / MADE).read_bytes()
    old = msgspec.json.decode(noted, type=Made)
    version, wheel = build_wheel()
    texts = make_texts(old.plan, version)
    new = {path: digest(text.encode(), version) for path, text in texts.items()}
    is_later = version != old.version
    listed = {} if options.merged and not is_later else untaken(folder, old, new)
    replace_library(folder, old.version, version, wheel)

    # A file that is listed keeps the digest of what was last taken, so that it stays listed.
    taken = {path: text for path, text in new.items() if path not in listed}
    taken |= {path: text for path, text in old.files.items() if path in listed}
    (folder / MADE).write_bytes(note(Made(old.plan, version, taken)))

    state = f"has the library {version}" + f", and had {old.version}" * is_later
    print(printable(f"update: {folder} {state if is_later or listed else 'is up to date'}"))
    if listed:
        fresh, example = f"../fresh/{old.plan.name}", next(iter(listed))
        compare = shlex.join(["diff", "-uN", str(folder / example), f"{fresh}/{example}"])
        print("these files are different in a new project:")
        for path, todo in listed.items():
            print(printable(f"  {path}: {todo}"))
        print(printable(f"to make a new one: {new_command(old.plan, folder, fresh)}"))
        print(printable(f"to compare a file: {compare}"))
    if noted != (folder / MADE).read_bytes():
        todo = f"{make_repro()} && git diff" if is_later else f"git commit {MADE}"
        print(printable(f"now type: cd {shlex.quote(str(folder))} && {todo}"))


def replace_library(folder: Path, old: str, new: str, wheel: bytes) -> None:
    """Puts the wheel of the version `new` in the place of the old one, and names it in its files.

    UserError if a file does not name the old version once; then nothing is written.
    """
    files = {wheel_path(new): wheel}
    for path in ("requirements.txt", "versions.yaml"):
        text = (folder / path).read_bytes()
        if text.count(old.encode()) != 1:
            raise UserError(f"{folder / path}: wanted {old} once, got another version")
        files[path] = text.replace(old.encode(), new.encode())
    (folder / wheel_path(old)).unlink(missing_ok=True)
    for path, content in files.items():
        (folder / path).write_bytes(content)


def untaken(folder: Path, old: Made, new: dict[str, str]) -> dict[str, str]:
    """What to do with each file of a new project that differs from the last one and from this one.

    new: the digests of a new project's files, by path.
    """
    found = {}
    for path in sorted({*new, *old.files}):
        file, last, now = folder / path, old.files.get(path), new.get(path)
        mine = digest(file.read_bytes(), old.version) if file.is_file() else None
        if now not in (last, mine):
            todo = "copy it" if mine == last else "merge it: you changed it too"
            found[path] = todo if now else "delete it: a new project has none"
    return found


def new_command(plan: Plan, folder: Path, fresh: str) -> str:
    """The command that makes a project by the same plan, so that only other lines differ."""
    words = [".venv/bin/python", "-m", "plumbline", "new", fresh, "--model", plan.model]
    if table := plan.table:
        words += ["--table", str(folder / table.path), "--target", table.target]
        words += ["--features", ",".join(table.features)] if table.features else []
    return shlex.join(words)
