"""After any fault, the next `dvc repro` gives the right bytes, or a line says what to do."""

import os
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
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]

OUTS = [path for stage in STAGES.values() for path in stage.outs]
MOMENTS = {
    "at its start": ("open", "stages/{name}.py"),
    "in the midst of its work": ("open", "params.yaml"),
    "in the midst of writing": ("os.rename", ".partial"),
}
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}


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


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", SIGNALS)
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
    fault = strike(tmp_path / "fault", f"stages.{name}", event, part.format(name=name),
                   SIGNALS[kind], group=kind == "Ctrl-C")  # fmt: skip
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
    fault = strike(tmp_path / "fault", f"stages.{name}", "import", "'torch.nn'", signal.SIGINT,
                   group=False)  # fmt: skip
    done = run_with_fault(reproduced, *STAGES[name].cmd, **fault)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, f"{name}: interrupted\n")


@pytest.mark.parametrize(
    ("event", "part"),
    [("open", "dvc.lock', 'w"), ("open", "dvc.lock"),
     ("os.rename", ".dvc/cache"), ("os.chmod", ".dvc/cache"),
     ("open", ".dvc/cache/runs"), ("shutil.move", ".dvc/cache"), ("open", ".dvc/tmp/rwlock")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["SIGKILL", "SIGTERM"])
def test_the_next_run_recovers_from_a_killed_dvc(
    reproduced: Clone,
    copy_of: Callable[[Clone], Clone],
    tmp_path: Path,
    event: str,
    part: str,
    kind: str,
) -> None:
    clone, right = copy_of(reproduced), reproduced.digests()
    shutil.rmtree(clone.path / ".dvc" / "cache")
    fault = strike(tmp_path / "fault", "dvc repro", event, part, SIGNALS[kind], group=False)
    run_with_fault(clone, "dvc", "repro", "--force", "generate", "split", **fault)
    assert not (tmp_path / "fault" / "armed").exists()
    assert_next_run_recovers(clone, right)


def recovered(clone: Clone) -> list[str]:
    """What the first step of `make repro` says that it did."""
    return clone.run("python", "-m", "plumbline", "recover").splitlines()


# What DVC says of a file that it finds cut; it trusts some that are cut, and recovers.
REFUSALS = {
    "dvc.lock": r"dvc.lock' (validation failed|is invalid)|unable to read: '.*dvc.lock'",
    ".dvc/tmp/rwlock": r"Unable to read RWLock-file '.dvc/tmp/rwlock'",
}


@pytest.mark.parametrize(
    ("part", "skip", "fraction"),
    [
        *[("dvc.lock", 0, cut) for cut in (0, 0.001, 0.003, 0.05, 0.085, 0.5, 0.9998)],
        *[("dvc.lock", 1, cut) for cut in (0, 0.5)],
        (".dvc/tmp/rwlock", 0, 0),
        (".dvc/tmp/rwlock", 3, 0.5),
        (".dvc/cache/runs", 0, 0),
        (".dvc/cache/runs", 1, 0.9),
    ],
)
def test_the_next_run_recovers_from_a_kill_in_the_midst_of_a_write(
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
    assert done.returncode == -signal.SIGKILL
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


@pytest.mark.parametrize("cut", ["outs:", "- path: data/train.safetensors"])
def test_a_run_that_dvc_recorded_in_part_is_not_restored(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], cut: str
) -> None:
    clone = copy_of(reproduced)
    runs = (clone.path / ".dvc" / "cache" / "runs").glob("*/*/*")
    (run,) = [path for path in runs if "stages.split" in path.read_text()]
    part = run.with_name(".left-by-a-killed-dvc.tmp")
    part.write_text(run.read_text().rpartition(cut)[0])
    (clone.path / "data" / "train.safetensors").unlink()
    (clone.path / "dvc.lock").unlink()
    assert clone.try_run("dvc", "repro", "split").returncode != 0
    clone.run("git", "checkout", "--quiet", "dvc.lock")
    assert str(part.relative_to(clone.path)) in clone.run("python", "-m", "plumbline", "recover")
    (clone.path / "dvc.lock").unlink()
    assert_next_run_recovers(clone, reproduced.digests())


def damage(path: Path, kind: str) -> None:
    if kind == "cut short":
        path.write_bytes(path.read_bytes()[:-7])
    elif kind == "edited":
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    else:
        path.unlink()
    if kind == "a folder":
        path.mkdir()
        (path / "file").write_text("something")
    elif kind == "a link":
        path.symlink_to("/dev/null")


@pytest.mark.parametrize("path", OUTS)
@pytest.mark.parametrize("kind", ["deleted", "cut short", "edited", "a folder", "a link"])
def test_the_next_run_recovers_from_a_damaged_output(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], path: str, kind: str
) -> None:
    clone = copy_of(reproduced)
    damage(clone.path / path, kind)
    assert_next_run_recovers(clone, reproduced.digests())


@pytest.mark.parametrize("path", OUTS)
def test_a_dangling_link_is_replaced_or_named_in_the_error(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], path: str
) -> None:
    clone = copy_of(reproduced)
    (clone.path / path).unlink()
    (clone.path / path).symlink_to("nowhere")
    done = clone.try_run("dvc", "repro")
    if done.returncode:
        assert "Traceback" not in done.stdout
        assert path in done.stdout.splitlines()[-1]
        (clone.path / path).unlink()
    assert_next_run_recovers(clone, reproduced.digests())


@pytest.mark.parametrize(
    ("folder", "stage", "kilobytes"),
    [("plots", "plot", 4), ("plots", "plot", 40), ("models", "train", 4)],
)
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_full_disk_gives_one_error_line_and_the_next_run_recovers(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], folder: str, stage: str, kilobytes: int
) -> None:
    clone = copy_of(reproduced)
    # The full disk hides its folder, which may have an input of the stage.
    history = shutil.copy(clone.path / "plots" / "history.csv", clone.path.parent)
    shutil.rmtree(clone.path / folder)
    mount = f"mount -t tmpfs -o size={kilobytes}k full {folder} && cp '{history}' plots/"
    script = f"{mount} && dvc repro --force {stage} -s"
    (clone.path / folder).mkdir()
    done = clone.try_run("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    if "Operation not permitted" in done.stdout or "permission denied" in done.stdout:
        pytest.skip("this machine forbids mounting")
    assert done.returncode != 0
    assert re.search(rf"\n{stage}: .*No space left on device", done.stdout)
    assert "Traceback" not in done.stdout
    assert_next_run_recovers(clone, reproduced.digests())


# Root can write to any folder unless it drops that capability.
AS_A_USER = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []


@pytest.mark.parametrize("stage", ["train", "verify"])
@pytest.mark.skipif(
    bool(AS_A_USER) and shutil.which("setpriv") is None,
    reason="root can write to read-only folders",
)
def test_a_read_only_folder_gives_one_error_line_and_the_next_run_recovers(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], stage: str
) -> None:
    clone = copy_of(reproduced)
    outputs = clone.path / "models"
    for path in STAGES[stage].outs:
        (clone.path / path).unlink()
    outputs.chmod(0o555)
    done = clone.try_run(*AS_A_USER, *STAGES[stage].cmd)
    outputs.chmod(0o755)
    assert done.returncode == 1
    assert re.fullmatch(rf"{stage}: .*Permission denied.*\n", done.stdout.splitlines(True)[-1])
    assert_next_run_recovers(clone, reproduced.digests())


def test_old_and_future_file_times_rerun_nothing(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    for second, path in enumerate([*OUTS, *STAGES["train"].code, "params.yaml"]):
        os.utime(clone.path / path, (second, (second % 2) * 10**10))
    assert clone.repro() == []
    assert_next_run_recovers(clone, reproduced.digests())


def test_at_least_one_of_two_concurrent_runs_succeeds(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    commands = [["dvc", "repro", "--force"], ["dvc", "repro", "--force"],
                ["dvc", "metrics", "diff", "HEAD"]]  # fmt: skip
    runs = [
        subprocess.Popen(c, cwd=clone.path, env=clone.environment, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for c in commands
    ]  # fmt: skip
    said = [run.communicate(timeout=120)[0] for run in runs]
    for text in said:
        assert "Traceback" not in text
    assert 0 in [run.returncode for run in runs[:2]]
    assert_next_run_recovers(clone, reproduced.digests())
