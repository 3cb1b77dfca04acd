"""The same commit gives the same bytes for every user, folder and machine setting."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import STAGES

pytestmark = pytest.mark.slow

# A user's own settings for pictures.
MATPLOTLIBRC = "lines.linewidth: 9\nsavefig.dpi: 30\nsavefig.bbox: tight\nfont.family: serif\n"

USUAL = {
    "LC_ALL": "de_DE.UTF-8",
    "LANGUAGE": "de",
    "TZ": "Pacific/Kiritimati",
    "USER": "someone",
    "HOSTNAME": "elsewhere",
    "PYTHONHASHSEED": "1",
    "OMP_NUM_THREADS": "2",
    "SOURCE_DATE_EPOCH": "1",
}
UNUSUAL = {
    "LC_ALL": "C",
    "TZ": "Pacific/Pago_Pago",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "8",
    "MKL_NUM_THREADS": "8",
    "PET_NPROC_PER_NODE": "2",
    "MPLBACKEND": "svg",
    "ATEN_CPU_CAPABILITY": "avx2",
}


def settings_in(folder: Path) -> dict[str, str]:
    """A home with settings for pictures, and the German locale if this machine can make it."""
    home, locales = folder / "home", folder / "locales"
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text(MATPLOTLIBRC)
    locales.mkdir()
    if shutil.which("localedef"):
        command = ["localedef", "-i", "de_DE", "-f", "UTF-8", locales / "de_DE.UTF-8"]
        subprocess.run(command, check=False)
    config = str(home / ".config")
    return {"HOME": str(home), "XDG_CONFIG_HOME": config, "LOCPATH": str(locales),
            "MPLCONFIGDIR": f"{config}/matplotlib"}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "umask"),
    [(USUAL, "077"), pytest.param(UNUSUAL, "000", marks=pytest.mark.all)],
    ids=["usual", "unusual"],
)
def test_a_fresh_clone_elsewhere_gives_the_committed_bytes(
    reproduced: Clone, tmp_path: Path, settings: dict[str, str], umask: str
) -> None:
    """All machine settings together; `reproduced` ran its stages in one process without them."""
    path = tmp_path / "Ordner mit Zwischenräumen" / "fresh"
    reproduced.run("git", "clone", "--quiet", ".", str(path))
    fresh = Clone(path, **settings_in(tmp_path), **settings)
    fresh.run("sh", "-c", f"umask {umask} && dvc repro --force")
    assert fresh.digests() == reproduced.digests()
    assert fresh.run("git", "status", "--porcelain") == ""


@pytest.mark.all
def test_a_second_run_in_the_same_folder_changes_no_byte(clone: Clone) -> None:
    before = clone.digests()
    clone.run("dvc", "repro", "--force")
    assert clone.digests() == before


@pytest.mark.all
def test_a_cpu_without_wide_instructions_changes_no_byte_of_the_samples_and_the_model(
    clone: Clone,
) -> None:
    """It may change the last bits of other trainings, such as those of `validate`."""
    clone.set_params({"generate.noise": 0.1, "generate.step": 3e-5})
    samples = ("python", "-m", "stages.generate", "noisy")
    clone.run(*samples)
    before, noisy = clone.digests(), (clone.path / "noisy").read_bytes()
    clone.environment["ATEN_CPU_CAPABILITY"] = "default"
    clone.run(*samples)
    clone.set_params({})
    clone.run(*STAGES["train"].cmd)
    assert (clone.path / "noisy").read_bytes() == noisy
    assert clone.digests() == before
