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
from tests.support.faults import strike

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


@pytest.fixture
def recovers(reproduced: Clone, clone: Clone) -> Callable[[], bool]:
    """True if the next `dvc repro` gives the right bytes and git sees no change."""

    def recovers() -> bool:
        clone.run("dvc", "repro")
        return clone.digests() == reproduced.digests() and not clone.run("git", "status", "-s")

    return recovers


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
    clone: Clone, recovers: Callable[[], bool], tmp_path: Path, name: str, moment: str, kind: str
) -> None:
    right, (event, part) = clone.digests(), MOMENTS[moment]
    fault = strike(tmp_path / "fault", f"stages.{name}", event, part.format(name=name), kind)
    done = run_with_fault(clone, "dvc", "repro", "--force", "--single-item", name, **fault)
    assert done.returncode != 0
    assert not (tmp_path / "fault" / "armed").exists()
    for path in STAGES[name].outs:
        assert clone.digests()[path] in {"missing", right[path]}
    assert recovers()


@pytest.mark.parametrize("name", ["generate", "train", "verify"])
def test_ctrl_c_while_torch_is_imported_is_one_line(
    reproduced: Clone, tmp_path: Path, name: str
) -> None:
    fault = strike(tmp_path / "fault", f"stages.{name}", "import", "'torch.nn'", CTRL_C)
    done = run_with_fault(reproduced, *STAGES[name].cmd, **fault)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, f"{name}: interrupted\n")


@pytest.mark.parametrize("event", ["os.rename", "os.chmod", "shutil.move"])
def test_the_next_run_recovers_from_a_kill_while_dvc_stores_an_output(
    clone: Clone, recovers: Callable[[], bool], tmp_path: Path, event: str
) -> None:
    shutil.rmtree(clone.path / ".dvc" / "cache")
    fault = strike(tmp_path / "fault", "dvc repro", event, ".dvc/cache", KILL)
    run_with_fault(clone, "dvc", "repro", "--force", "generate", "split", **fault)
    assert not (tmp_path / "fault" / "armed").exists()
    assert recovers()


# What DVC says of a file that a kill has cut; it trusts some that are cut, and recovers.
INVALID = r"dvc.lock' (validation failed|is invalid)|unable to read: '.*dvc.lock'"
UNREADABLE = r"Unable to read RWLock-file '.dvc/tmp/rwlock'"


@pytest.mark.parametrize("fraction", [0, 0.003, 0.085, 0.5, 0.9998])
def test_the_next_run_recovers_from_a_kill_while_dvc_writes_its_lock(
    clone: Clone, recovers: Callable[[], bool], fraction: float
) -> None:
    lock = clone.path / "dvc.lock"
    whole = lock.read_bytes()
    cut = whole[: int(len(whole) * fraction)]
    lock.write_bytes(cut)
    refused = clone.try_run("dvc", "repro")
    if refused.returncode:
        assert re.search(INVALID, refused.stdout)
        lock.write_bytes(cut)
        assert clone.run("python", "-m", "plumbline", "recover").startswith("dvc.lock: ")
    assert recovers()


@pytest.mark.parametrize("content", ["", '{"data/train.safetensors": {"wri'])
def test_the_next_run_recovers_from_a_kill_while_dvc_writes_whom_it_keeps_waiting(
    clone: Clone, recovers: Callable[[], bool], content: str
) -> None:
    (clone.path / ".dvc" / "tmp").mkdir(exist_ok=True)
    (clone.path / ".dvc" / "tmp" / "rwlock").write_text(content)
    assert re.search(UNREADABLE, clone.try_run("dvc", "repro", "--force").stdout)
    assert clone.run("python", "-m", "plumbline", "recover").startswith(".dvc/tmp/rwlock: ")
    assert recovers()


def test_a_run_that_dvc_recorded_in_part_is_not_restored(
    clone: Clone, recovers: Callable[[], bool]
) -> None:
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
    assert recovers()


def test_the_next_run_replaces_all_damaged_outputs(
    clone: Clone, recovers: Callable[[], bool]
) -> None:
    for path in (clone.path / path for stage in STAGES.values() for path in stage.outs[:1]):
        path.write_bytes(path.read_bytes()[:-7])
    (clone.path / "data" / "test.safetensors").unlink()
    (clone.path / "plots" / "loss.png").unlink()
    (clone.path / "plots" / "loss.png").symlink_to("/dev/null")
    assert recovers()


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize(
    ("folder", "stage", "pages"), [("plots", "plot", 2), ("models", "train", 1)]
)
def test_a_full_disk_gives_one_error_line_and_the_next_run_recovers(
    clone: Clone, recovers: Callable[[], bool], folder: str, stage: str, pages: int
) -> None:
    # The full disk hides its folder, which may have inputs of the stage.
    tables = shutil.copytree(clone.path / "plots", clone.path.parent / "tables")
    shutil.rmtree(clone.path / folder)
    mount = f"mount -t tmpfs -o size={4 * pages}k full {folder} && cp '{tables}'/*.csv plots/"
    script = f"{mount} && dvc repro --force {stage} -s"
    (clone.path / folder).mkdir()
    done = clone.try_run("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    if "Operation not permitted" in done.stdout or "permission denied" in done.stdout:
        pytest.skip("this machine forbids mounting")
    assert done.returncode != 0
    assert re.search(rf"\n{stage}: .*No space left on device", done.stdout)
    assert "Traceback" not in done.stdout
    assert recovers()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="root can write to any folder")
def test_a_read_only_folder_gives_one_error_line_and_the_next_run_recovers(
    clone: Clone, recovers: Callable[[], bool]
) -> None:
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
    assert recovers()
