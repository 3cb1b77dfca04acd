"""Projects that `new` makes, each with an environment that has its own library."""

import os
import shutil
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import ROOT

# A user who keeps this repository may have another pipeline here.
of_a_checkout = pytest.mark.skipif(
    "\n  generate:\n" not in (ROOT / "dvc.yaml").read_text(encoding="utf-8"),
    reason="this checkout is its user's own project",
)


def make_project(path: Path, *command: str) -> Clone:
    """The project in the folder that this command of the checkout makes, its files committed."""
    Clone(ROOT).run("python", "-m", *command)
    install(path)
    made = enter(path)
    made.run("git", "config", "user.name", "A Person")
    made.run("git", "config", "user.email", "person@example.org")
    made.commit("A new project")
    return made


def enter(path: Path) -> Clone:
    """The project in the folder, to run commands in its environment."""
    made = Clone(path)
    scripts = sysconfig.get_path("scripts", "venv", {"base": str(path / ".venv")})
    made.environment["PATH"] = os.pathsep.join([scripts, made.environment["PATH"]])
    return made


def install(path: Path) -> None:
    """Gives the project an environment with its wheel and with the packages of this one."""
    venv.create(path / ".venv", clear=True, symlinks=os.name != "nt")
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(path / ".venv")}))
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"))
    (wheel,) = path.glob("vendor/*.whl")
    zipfile.ZipFile(wheel).extractall(site)


def make_release(path: Path) -> Clone:
    """A later checkout, whose library differs."""
    others = shutil.ignore_patterns(".git", ".venv", ".*_cache", "cache", "tmp", "examples")
    release = Clone(Path(shutil.copytree(ROOT, path, ignore=others)))
    release.edit("plumbline/history.py", '"""', '"""Now better. ')
    return release
