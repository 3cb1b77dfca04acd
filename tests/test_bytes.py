"""The same commit gives the same bytes, whoever runs it, wherever, and however it is set up."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clone import Clone, make_clone

pytestmark = pytest.mark.pipeline

# What a picture would look like by it is none of the project's business.
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
    "date": {"SOURCE_DATE_EPOCH": "1"},
}


def repro_in(folder: Path, umask: str = "022", **environment: str) -> Clone:
    """A clone in another folder, all of whose stages ran with this environment and umask."""
    settings = folder / "home" / ".config" / "matplotlib"
    settings.mkdir(parents=True)
    (settings / "matplotlibrc").write_text(MATPLOTLIBRC)
    homes = {k: str(folder / v) for k, v in environment.items() if v.startswith("home")}
    locales = {"LOCPATH": str(locale(folder))} if "de_DE.UTF-8" in environment.values() else {}
    clone = make_clone(folder / "Ordner mit Zwischenräumen", **{**environment, **homes, **locales})
    clone.run("sh", "-c", f"umask {umask} && dvc repro --force")
    return clone


def locale(folder: Path) -> Path:
    """A folder with the German locale in it, as far as this machine can make it."""
    if shutil.which("localedef"):
        made = folder / "locales" / "de_DE.UTF-8"
        made.parent.mkdir()
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", made], check=False)
    return folder / "locales"


def test_everything_about_the_machine_at_once_changes_no_byte(
    reproduced: Clone, tmp_path: Path
) -> None:
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
def test_the_committed_results_need_no_special_instructions(
    reproduced: Clone, tmp_path: Path, instructions: str
) -> None:
    """So it is for the exercise. For other parameters a CPU without AVX2 may differ; see README."""
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
