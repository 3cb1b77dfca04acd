"""The same commit gives the same bytes for every user, folder and machine setting."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clone import Clone, make_clone

pytestmark = pytest.mark.slow

# A user's own settings for pictures.
MATPLOTLIBRC = "lines.linewidth: 9\nsavefig.dpi: 30\nsavefig.bbox: tight\nfont.family: serif\n"

WORLDS = {
    "C": {"LC_ALL": "C"},
    "de_DE": {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"},
    "east": {"TZ": "Pacific/Kiritimati"},
    "west": {"TZ": "Pacific/Pago_Pago"},
    "user": {"USER": "someone", "LOGNAME": "someone", "HOSTNAME": "elsewhere"},
    "home": {"HOME": "home", "XDG_CONFIG_HOME": "home/.config", "XDG_CACHE_HOME": "home/.cache"},
    "matplotlib": {"MPLCONFIGDIR": "home/.config/matplotlib", "MPLBACKEND": "svg"},
    "hash 0": {"PYTHONHASHSEED": "0"},
    "hash 1": {"PYTHONHASHSEED": "1"},
    "1 thread": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    "2 threads": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "8 threads": {"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"},
    "2 processes": {"PET_NPROC_PER_NODE": "2"},
    "date": {"SOURCE_DATE_EPOCH": "1"},
}


def repro_in(folder: Path, umask: str = "022", **environment: str) -> Clone:
    """A clone in another folder; all its stages ran with this environment and umask."""
    settings = folder / "home" / ".config" / "matplotlib"
    settings.mkdir(parents=True)
    (settings / "matplotlibrc").write_text(MATPLOTLIBRC)
    homes = {k: str(folder / v) for k, v in environment.items() if v.startswith("home")}
    locales = {"LOCPATH": str(locale(folder))} if "de_DE.UTF-8" in environment.values() else {}
    clone = make_clone(folder / "Ordner mit Zwischenräumen", **{**environment, **homes, **locales})
    clone.run("sh", "-c", f"umask {umask} && dvc repro --force")
    return clone


def locale(folder: Path) -> Path:
    """A folder for locales, with the German one if this machine can make it."""
    if shutil.which("localedef"):
        made = folder / "locales" / "de_DE.UTF-8"
        made.parent.mkdir()
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", made], check=False)
    return folder / "locales"


def test_all_machine_settings_together_change_no_byte(reproduced: Clone, tmp_path: Path) -> None:
    names = ("de_DE", "east", "user", "home", "hash 1", "2 threads", "date")
    settings = {key: value for name in names for key, value in WORLDS[name].items()}
    assert repro_in(tmp_path, "077", **settings).digests() == reproduced.digests()


@pytest.mark.faults
@pytest.mark.parametrize("name", WORLDS)
def test_no_setting_changes_a_byte(reproduced: Clone, tmp_path: Path, name: str) -> None:
    assert repro_in(tmp_path, **WORLDS[name]).digests() == reproduced.digests()


@pytest.mark.faults
@pytest.mark.parametrize("umask", ["000", "077"])
def test_no_umask_changes_a_byte(reproduced: Clone, tmp_path: Path, umask: str) -> None:
    assert repro_in(tmp_path, umask).digests() == reproduced.digests()


@pytest.mark.faults
@pytest.mark.parametrize("instructions", ["default", "avx2"])
def test_a_narrower_instruction_set_changes_no_byte_of_the_exercise(
    reproduced: Clone, tmp_path: Path, instructions: str
) -> None:
    """With other parameters, a CPU without AVX2 may give other bytes; see README."""
    clone = repro_in(tmp_path, ATEN_CPU_CAPABILITY=instructions)
    assert clone.digests() == reproduced.digests()


@pytest.mark.faults
def test_a_second_run_in_the_same_folder_changes_no_byte(reproduced: Clone, tmp_path: Path) -> None:
    shutil.copytree(reproduced.path, tmp_path / "copy", symlinks=True)
    again = Clone(tmp_path / "copy")
    again.run("dvc", "repro", "--force")
    assert again.digests() == reproduced.digests()


NOISE = """
import hashlib
from stages.generate import Generate, generate
_, y = generate(Generate(weight=0.3, bias=0.9, start=0, end=1, step=3e-6, noise=0.1, seed=1))
print(hashlib.sha256(y.numpy().tobytes()).hexdigest())
"""


def test_noisy_data_is_the_same_with_and_without_wide_instructions(reproduced: Clone) -> None:
    results = {
        Clone(reproduced.path, **environment).run("python", "-c", NOISE)
        for environment in ({}, {"ATEN_CPU_CAPABILITY": "default"})
    }
    assert len(results) == 1
