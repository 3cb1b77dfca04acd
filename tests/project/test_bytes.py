"""The same commit gives the same bytes for every user, folder and machine setting."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import STAGES

SETTINGS = {
    "LC_ALL": "de_DE.UTF-8",
    "LANGUAGE": "de",
    "TZ": "Pacific/Kiritimati",
    "USER": "someone",
    "HOSTNAME": "elsewhere",
    "PYTHONHASHSEED": "1",
    "OMP_NUM_THREADS": "8",
    "MKL_NUM_THREADS": "8",
    "SOURCE_DATE_EPOCH": "1",
    "MPLBACKEND": "svg",
    "ATEN_CPU_CAPABILITY": "avx2",
}


@pytest.mark.slow
def test_a_fresh_clone_elsewhere_gives_the_committed_bytes(
    reproduced: Clone, tmp_path: Path
) -> None:
    """`reproduced` ran its stages in one process, without these settings."""
    if shutil.which("localedef"):  # else there may be no German locale
        command = ["localedef", "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"]
        subprocess.run(command, check=False)
    path = tmp_path / "Ordner mit Zwischenräumen" / "fresh"
    reproduced.run("git", "clone", "--quiet", ".", str(path))
    fresh = Clone(path, LOCPATH=str(tmp_path), HOME=str(tmp_path), **SETTINGS)
    fresh.run("sh", "-c", "umask 077 && dvc repro --force")
    assert fresh.digests() == reproduced.digests()
    assert fresh.run("git", "status", "--porcelain") == ""


@pytest.mark.all
def test_a_cpu_without_wide_instructions_gives_the_same_samples_and_model(clone: Clone) -> None:
    """It may change the last bits of other trainings, such as those of `validate`."""
    narrow = Clone(clone.path, ATEN_CPU_CAPABILITY="default")
    before = clone.digests()
    narrow.run(*STAGES["train"].cmd)
    assert clone.digests() == before
    clone.set_params({"generate.noise": 0.1, "generate.step": 3e-5})
    for machine, name in ((clone, "wide"), (narrow, "narrow")):
        machine.run("python", "-m", "stages.generate", name)
    assert (clone.path / "wide").read_bytes() == (clone.path / "narrow").read_bytes()
