"""`dvc repro` runs only the stages whose inputs changed, and gives the same bytes in any clone."""

import json
import shutil
from pathlib import Path

import pytest

from plumbline.lint import imports
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES


def test_a_stage_that_does_not_compute_with_torch_does_not_import_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("load", "split", "evaluate", "plot"):
        assert "torch" not in set().union(*imports.closure(f"stages/{name}.py").values())


def changes(clone: Clone) -> dict[str, set[str]]:
    """The dependencies and parameters that DVC considers changed, by stage."""
    found: dict[str, set[str]] = {}
    for name, states in json.loads(clone.run("dvc", "status", "--json")).items():
        deps = dict(states[0]["changed deps"])
        found[name] = {*deps.pop("params.yaml", {}), *deps.pop("versions.yaml", {}), *deps}
    return found


@pytest.mark.slow
def test_an_edited_script_or_value_affects_only_the_stages_that_use_it(clone: Clone) -> None:
    clone.set_params({"train.lr": 0.02, "plot.dpi": 90})
    clone.edit("versions.yaml", 'torch: "', 'torch: "9')
    clone.edit("versions.yaml", 'matplotlib: "', 'matplotlib: "9')
    for path in ("stages/loop.py", "stages/model.py", "plumbline/pictures/look.py"):
        clone.edit(path, '"""', '# A comment.\n"""')
    core = clone.path / "plumbline" / "core"
    (core / "__pycache__").mkdir(exist_ok=True)
    for name in ("__pycache__/files.cpython-311.pyc", ".files.py.swp", "note.md", "files.py~"):
        (core / name).write_text("anything")
    assert changes(clone) == {
        "generate": {"torch"},
        "train": {"train", "torch", "stages/loop.py", "stages/model.py"},
        "validate": {"train", "torch", "stages/loop.py", "stages/model.py"},
        "plot": {"plot", "matplotlib", "train.lr", "plumbline/pictures"},
        "verify": {"torch", "stages/model.py"},
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("plot.dpi", 90, {"plot"}),
        pytest.param("train.lr", 0.02, {*STAGES} - {"generate", "split"}, marks=pytest.mark.all),
    ],
)
def test_a_changed_value_reruns_the_stages_that_use_it_and_the_old_value_reruns_none(
    clone: Clone, key: str, value: float, stages: set[str]
) -> None:
    assert clone.repro() == []
    clone.set_params({key: value})
    assert {*clone.repro()} == stages
    clone.set_params({})
    assert clone.repro() == []
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.all
def test_an_experiment_in_a_copy_can_be_applied_and_reported(clone: Clone) -> None:
    clone.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.03")
    assert clone.run("git", "status", "--porcelain") == ""
    clone.run("dvc", "exp", "apply", "trial")
    assert clone.repro() == []
    report = clone.run("python", "-m", "plumbline", "report", "main")
    assert "| `train.lr` | `0.01` | `0.03` |" in report


SETTINGS = {
    **{"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "TZ": "Pacific/Kiritimati"},
    **{"USER": "someone", "HOSTNAME": "elsewhere", "MPLBACKEND": "svg"},
    **{"PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1", "ATEN_CPU_CAPABILITY": "avx2"},
    **{"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"},
}


@pytest.mark.slow
def test_a_fresh_clone_elsewhere_gives_the_committed_bytes(
    reproduced: Clone, tmp_path: Path
) -> None:
    """The committed bytes were made by stages that ran in pytest's process, without `SETTINGS`."""
    if shutil.which("localedef"):  # makes a German locale; the system may have none
        Clone(tmp_path).try_run("localedef", "-i", "de_DE", "-f", "UTF-8", "./de_DE.UTF-8")
    path = tmp_path / "Ordner mit Zwischenräumen" / "fresh"
    reproduced.run("git", "clone", "--quiet", ".", str(path))
    fresh = Clone(path, LOCPATH=str(tmp_path), HOME=str(tmp_path), **SETTINGS)
    fresh.run("sh", "-c", "umask 077 && dvc repro --force")
    assert fresh.digests() == reproduced.digests()
    assert fresh.run("git", "status", "--porcelain") == ""


@pytest.mark.all
def test_a_cpu_without_wide_instructions_gives_the_same_samples_and_model(clone: Clone) -> None:
    """Other trainings, such as those of `validate`, may differ in their last bits on this CPU."""
    narrow, before = Clone(clone.path, ATEN_CPU_CAPABILITY="default"), clone.digests()
    narrow.run(*STAGES["train"].cmd)
    assert clone.digests() == before
    clone.set_params({"generate.noise": 0.1, "generate.step": 3e-5})
    for machine, name in ((clone, "wide"), (narrow, "narrow")):
        machine.run("python", "-m", "stages.generate", name)
    assert (clone.path / "wide").read_bytes() == (clone.path / "narrow").read_bytes()
