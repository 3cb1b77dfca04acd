"""Update the library of a project that `new` made, and name the files that `new` would now change.

Usage: python -m plumbline update FOLDER
"""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.project import MADE, Made, make_texts, note
from plumbline.review.git import git
from plumbline.wheel import build_wheel, wheel_path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", help="the folder of the project", type=Path)


def main(options: Namespace) -> None:
    folder = options.folder
    if not (folder / MADE).is_file():
        raise UserError(f"{folder}: wanted a project that `new` made, got no {MADE}")
    if git("status", "--porcelain", "--", ".", cwd=folder):
        raise UserError(f"{folder}: wanted all changes committed, so that git can undo an update")
    old = msgspec.json.decode((folder / MADE).read_bytes(), type=Made)
    version, wheel = build_wheel()
    texts = make_texts(old.plan, version)
    new = note(old.plan, version, texts)
    files = {wheel_path(version): wheel, MADE: new}
    for path in ("requirements.txt", "versions.yaml"):
        text = (folder / path).read_bytes()
        if text.count(old.version.encode()) != 1:
            raise UserError(f"{folder / path}: wanted {old.version} once, got another version")
        files[path] = text.replace(old.version.encode(), version.encode())
    (folder / wheel_path(old.version)).unlink(missing_ok=True)
    for path, content in files.items():
        (folder / path).write_bytes(content)
    print(printable(f"update: {folder} has the library {version}, and had {old.version}"))
    digests = msgspec.json.decode(new, type=Made).files
    if others := sorted(k for k in {*digests, *old.files} if digests.get(k) != old.files.get(k)):
        print("these files are different in a new project; compare them, and take what you need:")
        for path in others:
            print(printable(f"  {path}"))
    print(printable(f"now type: cd {shlex.quote(str(folder))} && make repro && git diff"))
