"""After any fault, the next `dvc repro` gives the right bytes, or a line says what to do."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import STAGES
from tests.support.faults import strike, strike_while_writing

pytestmark = [
    pytest.mark.all,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]

KILL, TERM, CTRL_C = "SIGKILL", "SIGTERM", "SIGINT"
MOMENTS = {
    "at its start": ("open", "stages/{name}.py"),
    "in the midst of its work": ("open", "params.yaml"),
    "in the midst of writing": ("os.rename", ".partial"),
}


def run_with_fault(
    clone: Clone, *command: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=clone.path,
        env={**clone.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        timeout=120,
        check=False,
    )


def assert_next_run_recovers(clone: Clone, right: dict[str, str]) -> None:
    """Passes if the next `dvc repro` gives the right bytes and git sees no change."""
    clone.run("dvc", "repro")
    assert clone.digests() == right
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("name", "moment", "kind"),
    [
        # Each stage, each moment and each signal, and each moment with each signal.
        ("generate", "at its start", CTRL_C),
        ("generate", "in the midst of writing", KILL),
        ("split", "at its start", TERM),
        ("train", "at its start", KILL),
        ("train", "in the midst of its work", CTRL_C),
        ("train", "in the midst of writing", TERM),
        ("evaluate", "in the midst of its work", TERM),
        ("plot", "in the midst of writing", CTRL_C),
        ("verify", "in the midst of its work", KILL),
    ],
)
def test_the_next_run_recovers_from_a_killed_stage(
    reproduced: Clone,
    copy_of: Callable[[Clone], Clone],
    tmp_path: Path,
    name: str,
    moment: str,
    kind: str,
) -> None:
    clone, right = copy_of(reproduced), reproduced.digests()
    event, part = MOMENTS[moment]
    fault = strike(tmp_path / "fault", f"stages.{name}", event, part.format(name=name), kind,
                   group=kind == CTRL_C)  # fmt: skip
    done = run_with_fault(clone, "dvc", "repro", "--force", "--single-item", name, **fault)
    assert done.returncode != 0
    assert not (tmp_path / "fault" / "armed").exists()
    for path in STAGES[name].outs:
        assert clone.digests()[path] in {"missing", right[path]}
    assert_next_run_recovers(clone, right)


@pytest.mark.parametrize("name", ["generate", "train", "verify"])
def test_ctrl_c_while_torch_is_imported_is_one_line(
    reproduced: Clone, tmp_path: Path, name: str
) -> None:
    fault = strike(tmp_path / "fault", f"stages.{name}", "import", "'torch.nn'", CTRL_C,
                   group=False)  # fmt: skip
    done = run_with_fault(reproduced, *STAGES[name].cmd, **fault)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, f"{name}: interrupted\n")


# What DVC says of a file that it finds cut; it trusts some that are cut, and recovers.
REFUSALS = {
    "dvc.lock": r"dvc.lock' (validation failed|is invalid)|unable to read: '.*dvc.lock'",
    ".dvc/tmp/rwlock": r"Unable to read RWLock-file '.dvc/tmp/rwlock'",
}


@pytest.mark.parametrize(
    ("part", "skip", "fraction"),
    [
        # 0.085 is in the midst of a stage's entry, which can be valid YAML.
        *[("dvc.lock", 0, cut) for cut in (0, 0.003, 0.085, 0.9998)],
        ("dvc.lock", 1, 0.5),
        (".dvc/tmp/rwlock", 0, 0),
        (".dvc/tmp/rwlock", 3, 0.5),
        (".dvc/cache/runs", 1, 0.9),
    ],
)
def test_the_next_run_recovers_from_a_kill_in_the_midst_of_a_write_of_dvc(
    reproduced: Clone,
    copy_of: Callable[..., Clone],
    tmp_path: Path,
    part: str,
    skip: int,
    fraction: float,
) -> None:
    clone, right = copy_of(reproduced), reproduced.digests()
    shutil.rmtree(clone.path / ".dvc" / "cache")
    fault = strike_while_writing(tmp_path / "fault", "dvc repro", part, skip, fraction)
    done = run_with_fault(clone, "dvc", "repro", "--force", "generate", "split", **fault)
    assert done.returncode < 0
    assert not (tmp_path / "fault" / "armed").exists()
    bare = copy_of(clone, "bare")
    refused = bare.try_run("dvc", "repro")
    said = clone.run("python", "-m", "plumbline", "recover")
    if refused.returncode:
        assert re.search(REFUSALS[part], refused.stdout)
        assert said.startswith(f"{part}: ")
    else:
        assert {**bare.digests(), "dvc.lock": ""} == {**right, "dvc.lock": ""}
    assert_next_run_recovers(clone, right)


@pytest.mark.parametrize("event", ["os.rename", "os.chmod", "shutil.move"])
def test_the_next_run_recovers_from_a_kill_while_dvc_stores_an_output(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], tmp_path: Path, event: str
) -> None:
    clone, right = copy_of(reproduced), reproduced.digests()
    shutil.rmtree(clone.path / ".dvc" / "cache")
    fault = strike(tmp_path / "fault", "dvc repro", event, ".dvc/cache", KILL, group=False)
    run_with_fault(clone, "dvc", "repro", "--force", "generate", "split", **fault)
    assert not (tmp_path / "fault" / "armed").exists()
    assert_next_run_recovers(clone, right)


def test_a_run_that_dvc_recorded_in_part_is_not_restored(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    runs = (clone.path / ".dvc" / "cache" / "runs").glob("*/*/*")
    (run,) = [path for path in runs if "stages.split" in path.read_text()]
    part = run.with_name(".left-by-a-killed-dvc.tmp")
    part.write_text(run.read_text().rpartition("- path: data/train.safetensors")[0])
    (clone.path / "data" / "train.safetensors").unlink()
    (clone.path / "dvc.lock").unlink()
    assert clone.try_run("dvc", "repro", "split").returncode != 0
    clone.run("git", "checkout", "--quiet", "dvc.lock")
    assert str(part.relative_to(clone.path)) in clone.run("python", "-m", "plumbline", "recover")
    (clone.path / "dvc.lock").unlink()
    assert_next_run_recovers(clone, reproduced.digests())


def test_the_next_run_replaces_all_damaged_outputs(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    for path in (clone.path / path for stage in STAGES.values() for path in stage.outs[:1]):
        path.write_bytes(path.read_bytes()[:-7])
    (clone.path / "data" / "test.safetensors").unlink()
    (clone.path / "plots" / "loss.png").unlink()
    (clone.path / "plots" / "loss.png").symlink_to("/dev/null")
    assert_next_run_recovers(clone, reproduced.digests())


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize(("folder", "stage"), [("plots", "plot"), ("models", "train")])
def test_a_full_disk_gives_one_error_line_and_the_next_run_recovers(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], folder: str, stage: str
) -> None:
    clone = copy_of(reproduced)
    # The full disk hides its folder, which may have an input of the stage.
    history = shutil.copy(clone.path / "plots" / "history.csv", clone.path.parent)
    shutil.rmtree(clone.path / folder)
    mount = f"mount -t tmpfs -o size=4k full {folder} && cp '{history}' plots/"
    script = f"{mount} && dvc repro --force {stage} -s"
    (clone.path / folder).mkdir()
    done = clone.try_run("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    if "Operation not permitted" in done.stdout or "permission denied" in done.stdout:
        pytest.skip("this machine forbids mounting")
    assert done.returncode != 0
    assert re.search(rf"\n{stage}: .*No space left on device", done.stdout)
    assert "Traceback" not in done.stdout
    assert_next_run_recovers(clone, reproduced.digests())


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="root can write to any folder")
def test_a_read_only_folder_gives_one_error_line_and_the_next_run_recovers(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    outputs = clone.path / "models"
    for path in STAGES["train"].outs:
        (clone.path / path).unlink()
    outputs.chmod(0o555)
    # Root can write to any folder unless it drops that capability, which only root can drop.
    drop = ["setpriv", "--bounding-set=-dac_override"]
    done = clone.try_run(*(drop if outputs.owner() == "root" else []), *STAGES["train"].cmd)
    outputs.chmod(0o755)
    assert done.returncode == 1
    assert re.fullmatch(r"train: .*Permission denied.*\n", done.stdout.splitlines(True)[-1])
    assert_next_run_recovers(clone, reproduced.digests())
