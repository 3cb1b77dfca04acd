"""Make a project of your own: a git repository with the pipeline, your table, and the library.

Usage: python -m plumbline new FOLDER [--table FILE --target COLUMN] [--features A,B] [--model NAME]
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from plumbline.core import tensors
from plumbline.core.command import printable
from plumbline.core.errors import UserError
from plumbline.project import (
    RECORD,
    Plan,
    Record,
    Table,
    digest,
    encode,
    make_texts,
    read,
    repro_command,
)
from plumbline.review.git import clean_environment, git
from plumbline.wheel import ROOT, build_wheel, wheel_path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", help="a new or empty folder")
    parser.add_argument("--table", type=Path, help="a CSV or Parquet file; default: generated data")
    parser.add_argument("--target", help="the column to predict")
    parser.add_argument("--features", help="columns to predict it from: A,B; default: all others")
    parser.add_argument("--model", default="linear", help="a model in stages/model.py, such as mlp")


def main(options: Namespace) -> None:
    folder = Path(options.folder).absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{options.folder}: wanted a new or empty folder, got something else")
    if bool(options.table) != bool(options.target) or (options.features and not options.table):
        raise UserError("wanted --table and --target together, and --features only with them")
    version, wheel = build_wheel()
    models = re.findall(r'(?m)^    "(\w+)": ', read("stages/model.py"))
    if options.model not in models:
        raise UserError(f"--model: wanted one of {', '.join(models)}, got {options.model}")
    table = load_table(options) if options.table else None
    plan = Plan(folder.name, options.model, table)
    texts = make_texts(plan, version)
    files = {path: text.encode() for path, text in texts.items()}
    digests = {path: digest(content, version) for path, content in files.items()}
    files |= {wheel_path(version): wheel, RECORD: encode(Record(plan, version, digests))}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".plumbline-") as scratch:
        made = Path(scratch) / "project"
        for path, content in files.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(content)
        if table:
            (made / "data").mkdir()
            shutil.copyfile(options.table, made / table.path)
        if not is_tracked(folder):
            git("init", "--quiet", "--initial-branch=main", cwd=made)
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    place = shlex.quote(options.folder)
    print(printable(f"new: wrote {len(files) + bool(table)} files to {options.folder}"))
    print(printable(f"now type: cd {place} && {repro_command()} && git add --all && git commit"))


def load_table(options: Namespace) -> Table:
    """The table as the stage `load` reads it; UserError if that stage refuses it."""
    features = options.features and options.features.split(",")
    with TemporaryDirectory() as scratch:
        params = {"load": {"target": options.target, "features": features}}
        (Path(scratch) / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 (this checkout's own stage)
            [sys.executable, "-m", "stages.load", options.table.absolute(), "samples"],
            cwd=scratch,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            error = done.stderr.strip().replace("params.yaml: load.", "--")
            raise UserError(error.removeprefix("load: "))
        print(done.stdout.partition("\n")[0])
        X, y, _ = tensors.load_samples(Path(scratch) / "samples")
        name = re.sub(r"[^\w.-]", "-", options.table.name, flags=re.ASCII)
        std = float(y.std(dtype=float))
        return Table(f"data/{name}", options.target, features, X.shape, std)


def is_tracked(folder: Path) -> bool:
    """True if the folder is inside a git repository that does not ignore it."""
    place = next(parent for parent in folder.parents if parent.is_dir())
    command = ["git", "check-ignore", "--quiet", str(folder)]
    done = subprocess.run(  # noqa: S603
        command, cwd=place, env=clean_environment(), stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 1
