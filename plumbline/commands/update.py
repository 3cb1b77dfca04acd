"""Update the library of a project made by `new`; list the files that `new` now makes differently.

Usage: python -m plumbline update FOLDER [--merged]
"""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.project import RECORD, Plan, Record, digest, encode, make_texts, repro_command
from plumbline.review.git import git
from plumbline.wheel import build_wheel, wheel_path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", help="the folder of the project", type=Path)
    parser.add_argument(
        "--merged", help="clear the list: you have merged all its files", action="store_true"
    )


def main(options: Namespace) -> None:
    folder = options.folder
    if not (folder / RECORD).is_file():
        raise UserError(f"{folder}: wanted a project that `new` made, got no {RECORD}")
    if git("status", "--porcelain", "--", ".", cwd=folder):
        raise UserError(f"{folder}: wanted all changes committed, so that git can undo an update")
    noted = (folder / RECORD).read_bytes()
    try:
        old = msgspec.json.decode(noted, type=Record)
    except msgspec.DecodeError as error:
        raise UserError(f"{folder / RECORD}: wanted the record that `new` wrote; {error}") from None
    version, wheel = build_wheel()
    texts = make_texts(old.plan, version)
    new = {path: digest(text.encode(), version) for path, text in texts.items()}
    is_later = version != old.version
    listed = {} if options.merged and not is_later else files_to_take(folder, old, new)
    replace_library(folder, old.version, version, wheel)

    # The record keeps the old digest of a listed file, so the next update lists the file again.
    taken = {path: sha for path, sha in new.items() if path not in listed}
    taken |= {path: sha for path, sha in old.files.items() if path in listed}
    (folder / RECORD).write_bytes(encode(Record(old.plan, version, taken)))

    state = f"has the library {version}" + f" in place of {old.version}" * is_later
    print(printable(f"update: {folder} {state if is_later or listed else 'is up to date'}"))
    if listed:
        fresh, example = f"../fresh/{old.plan.name}", next(iter(listed))
        compare = shlex.join(["diff", "-uN", str(folder / example), f"{fresh}/{example}"])
        print("these files are different in a new project:")
        for path, todo in listed.items():
            print(printable(f"  {path}: {todo}"))
        print(printable(f"to make a new project: {new_command(old.plan, folder, fresh)}"))
        print(printable(f"to compare a file: {compare}"))
    if noted != (folder / RECORD).read_bytes():
        todo = f"{repro_command()} && git diff" if is_later else f"git commit {RECORD}"
        print(printable(f"now type: cd {shlex.quote(str(folder))} && {todo}"))


def replace_library(folder: Path, old: str, new: str, wheel: bytes) -> None:
    """Replaces the wheel, and changes the version `old` to `new` in the files that name it.

    UserError, before anything is written, if a file does not name the old version exactly once.
    """
    files = {wheel_path(new): wheel}
    for path in ("requirements.txt", "versions.yaml"):
        text = (folder / path).read_bytes()
        if text.count(old.encode()) != 1:
            raise UserError(f"{folder / path}: wanted the version {old} exactly once")
        files[path] = text.replace(old.encode(), new.encode())
    (folder / wheel_path(old)).unlink(missing_ok=True)
    for path, content in files.items():
        (folder / path).write_bytes(content)


def files_to_take(folder: Path, old: Record, new: dict[str, str]) -> dict[str, str]:
    """What to do with each file that the command `new` now makes differently, by path.

    new: a new project's digests, by path. A file of the folder that already matches is left out.
    """
    found = {}
    for path in sorted({*new, *old.files}):
        file, last, now = folder / path, old.files.get(path), new.get(path)
        mine = digest(file.read_bytes(), old.version) if file.is_file() else None
        if now not in (last, mine):
            todo = "copy it" if mine == last else "merge it: you changed it too"
            found[path] = todo if now else "delete it: a new project does not have it"
    return found


def new_command(plan: Plan, folder: Path, fresh: str) -> str:
    """The command that makes a new project with the same plan, to compare with the folder."""
    words = [".venv/bin/python", "-m", "plumbline", "new", fresh, "--model", plan.model]
    if table := plan.table:
        words += ["--table", str(folder / table.path), "--target", table.target]
        words += ["--features", ",".join(table.features)] if table.features else []
    return shlex.join(words)
