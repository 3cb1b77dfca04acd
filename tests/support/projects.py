"""Makes projects with `new`, each with an environment that contains the project's library."""

import os
import shutil
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import ROOT

# A user who works in this repository may have changed the pipeline that `new` copies.
only_in_this_checkout = pytest.mark.skipif(
    "\n  generate:\n" not in (ROOT / "dvc.yaml").read_text(encoding="utf-8"),
    reason="the pipeline of this checkout is a user's own",
)


def make_project(path: Path, *command: str) -> Clone:
    """Makes a project in `path` with this command of the checkout, and commits all its files."""
    Clone(ROOT).run("python", "-m", *command)
    install(path)
    made = with_environment(path)
    made.run("git", "config", "user.name", "A Person")
    made.run("git", "config", "user.email", "person@example.org")
    made.commit("A new project")
    return made


def with_environment(path: Path) -> Clone:
    """The project in the folder; its commands run in its own environment."""
    made = Clone(path)
    scripts = sysconfig.get_path("scripts", "venv", {"base": str(path / ".venv")})
    made.environment["PATH"] = os.pathsep.join([scripts, made.environment["PATH"]])
    return made


def install(path: Path) -> None:
    """Makes an environment for the project from its wheel and this environment's packages."""
    venv.create(path / ".venv", clear=True, symlinks=os.name != "nt")
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(path / ".venv")}))
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"))
    (wheel,) = path.glob("vendor/*.whl")
    zipfile.ZipFile(wheel).extractall(site)


def make_release(path: Path) -> Clone:
    """A newer release: a copy of this checkout with an edited library."""
    others = shutil.ignore_patterns(".git", ".venv", ".*_cache", "cache", "tmp", "examples")
    release = Clone(Path(shutil.copytree(ROOT, path, ignore=others)))
    release.edit("plumbline/history.py", '"""', '"""Now better. ')
    return release
