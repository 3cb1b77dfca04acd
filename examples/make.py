"""Make the project of an example: run `new` with its table, then add its stage if it has one.

Usage: python -m examples.make NAME FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from plumbline.core.files import parse_yaml

EXAMPLES = Path(__file__).parent


def python(*arguments: str | Path, cwd: Path = EXAMPLES.parent) -> None:
    command = [sys.executable, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    if status := subprocess.run(command, cwd=cwd, env=environment, check=False).returncode:
        sys.exit(status)


def insert(path: Path, before: str, text: str) -> None:
    old = path.read_text(encoding="utf-8")
    path.write_text(old.replace(before, text + before, 1), encoding="utf-8")


def add_stage(example: Path, table: Path, project: Path) -> None:
    """Adds the stage `prepare` before `load`: its script, table, entry, parameters and package."""
    shutil.copy(example / "prepare.py", project / "stages")
    shutil.copy(table, project / "data")
    (project / "data" / "prepared.csv").unlink()  # the stage writes it
    entry, section, package = (
        (example / name).read_text(encoding="utf-8")
        for name in ("stage.yaml", "params.yaml", "requirements.txt")
    )
    insert(project / "dvc.yaml", "  load:\n", entry.partition("stages:\n")[2])
    (section,) = re.findall(r"prepare:\n(?:  .*\n)+\n", section)
    insert(project / "params.yaml", "load:\n", section)
    insert(project / "requirements.txt", "./vendor", package)
    name, version = package.strip().split("==")
    insert(project / "versions.yaml", "plumbline:", f'{name}: "{version}"\n')


def main(name: str, folder: str) -> None:
    example, project = EXAMPLES / name, Path(folder).absolute()
    if not (example / "params.yaml").is_file():
        sys.exit(f"example: wanted the name of a folder in {EXAMPLES}, got {name}")
    params = parse_yaml((example / "params.yaml").read_bytes(), example / "params.yaml")
    options = ["--target", params["load"]["target"]]
    if features := params["load"].get("features"):
        options += ["--features", ",".join(features)]
    if train := params.get("train"):
        options += ["--model", train["model"]]
    table = prepared = example / f"{name}.csv"
    with TemporaryDirectory() as scratch:
        if "prepare" in params:
            prepared = Path(scratch) / "prepared.csv"
            python("prepare.py", table, prepared, cwd=example)
        python("-m", "plumbline", "new", project, "--table", prepared, *options)
    if "prepare" in params:
        add_stage(example, table, project)


if __name__ == "__main__":
    main(*sys.argv[1:])
