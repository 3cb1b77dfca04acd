"""After any fault, the next `dvc repro` gives the right bytes; it may need `recover` first."""

import shutil
import sys

import pytest

from tests.support.clone import Clone
from tests.support.exercise import STAGES

pytestmark = [
    pytest.mark.all,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks these signals"),
]

# Every Python process that has this script's folder on its path runs the script at startup. When
# the chosen process reaches the chosen audit event, the script sends it one signal. It sends SIGINT
# to the whole process group, as a terminal does on Ctrl-C.
HOOK = """
import os, signal, sys
word, event, part, name = os.environ["STRIKE"].split("|")
def strike(happened, arguments):
    if happened == event and part in str(arguments) and os.path.exists(os.environ["ARMED"]):
        if word in " ".join(sys.orig_argv):
            os.unlink(os.environ["ARMED"])
            if name == "SIGINT":
                os.killpg(os.getpgrp(), signal.SIGINT)
            else:
                os.kill(os.getpid(), getattr(signal, name))
sys.addaudithook(strike)
"""


def strike(clone: Clone, command: list[str], word: str, event: str, part: str, name: str) -> str:
    """Runs the command, and sends the signal `name` to the process whose command has `word`.

    Sends it at the first audit event `event` whose arguments contain `part`; returns the output.
    """
    folder = clone.path.parent
    (folder / "sitecustomize.py").write_text(HOOK)
    (folder / "armed").touch()
    fault = {"ARMED": str(folder / "armed"), "STRIKE": f"{word}|{event}|{part}|{name}"}
    paths = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = Clone(clone.path, **fault, **paths).try_run(*command, alone=True)
    assert done.returncode != 0
    assert not (folder / "armed").exists()
    return done.stdout


def recovers(clone: Clone, right: Clone) -> bool:
    """True if the next `dvc repro` gives the right bytes and git sees no change."""
    clone.run("dvc", "repro")
    return clone.digests() == right.digests() and not clone.run("git", "status", "-s")


@pytest.mark.parametrize(
    ("stage", "word", "event", "part", "name"),
    [
        ("generate", "stages.generate", "open", "stages/generate.py", "SIGKILL"),
        ("split", "stages.split", "os.rename", ".partial", "SIGKILL"),
        ("split", "dvc repro", "os.rename", ".dvc/cache", "SIGKILL"),
        ("train", "stages.train", "open", "params.yaml", "SIGINT"),
        ("plot", "stages.plot", "os.rename", ".partial", "SIGTERM"),
    ],
)
def test_the_next_run_recovers_from_a_kill(
    reproduced: Clone, clone: Clone, stage: str, word: str, event: str, part: str, name: str
) -> None:
    if word == "dvc repro":  # otherwise DVC would not store the output
        shutil.rmtree(clone.path / ".dvc" / "cache")
    strike(clone, ["dvc", "repro", "--force", "--single-item", stage], word, event, part, name)
    for path in STAGES[stage].outs:
        assert clone.digests()[path] in {"missing", reproduced.digests()[path]}
    assert recovers(clone, reproduced)


def test_ctrl_c_while_torch_is_imported_prints_one_line(clone: Clone) -> None:
    said = strike(clone, STAGES["train"].cmd, "stages.train", "import", "'torch.nn'", "SIGINT")
    assert said == "train: interrupted\n"


@pytest.mark.parametrize(("name", "fraction"), [("dvc.lock", 0.9998), (".dvc/tmp/rwlock", 0.5)])
def test_the_next_run_recovers_from_a_kill_while_dvc_writes_its_files(
    reproduced: Clone, clone: Clone, name: str, fraction: float
) -> None:
    path = clone.path / name
    whole = path.read_bytes() if path.exists() else b'{"data/train.safetensors": {"write": {}}}'
    path.parent.mkdir(exist_ok=True)
    cut = whole[: int(len(whole) * fraction)]
    path.write_bytes(cut)
    if clone.try_run("dvc", "repro", "--force", "--single-item", "split").returncode:
        path.write_bytes(cut)
        assert clone.run("python", "-m", "plumbline", "recover").startswith(f"{name}: ")
    assert recovers(clone, reproduced)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_full_disk_gives_one_error_line_and_the_next_run_recovers(
    reproduced: Clone, clone: Clone
) -> None:
    shutil.rmtree(clone.path / "models")
    (clone.path / "models").mkdir()
    script = "mount -t tmpfs -o size=4k full models && dvc repro --force --single-item train"
    done = clone.try_run("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    if "Operation not permitted" in done.stdout or "permission denied" in done.stdout:
        pytest.skip("this machine forbids mounting")
    assert "\ntrain: " in done.stdout
    assert "No space left on device" in done.stdout
    assert "Traceback" not in done.stdout
    assert recovers(clone, reproduced)
