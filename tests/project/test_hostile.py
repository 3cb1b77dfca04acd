"""Reading a stranger's file runs no code, never fills the memory and never hangs."""

import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from plumbline import history
from plumbline.core import params, tensors
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES, run_stage


class Hostile:
    """An object that creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


@pytest.mark.all
@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name in STAGES for path in sorted(STAGES[name].inputs)]
)
def test_a_pickle_in_place_of_any_input_is_refused_and_not_run(
    reproduced: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    for folder in ("data", "models", "plots"):
        shutil.copytree(reproduced.path / folder, tmp_path / folder)
    for settings in ("params.yaml", "gate.yaml"):
        shutil.copy(reproduced.path / settings, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path(path).unlink()
    Path(path).write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ValueError, match=path):
        run_stage(import_module(f"stages.{name}"), *STAGES[name].cmd[3:])
    assert not Path("unpickled").exists()


def test_a_python_tag_in_params_yaml_is_refused_and_not_run(folder: Path) -> None:
    Path("params.yaml").write_text("train: !!python/object/apply:os.mkdir [unpickled]")
    with pytest.raises(ValueError, match="^params.yaml: wanted no alias and no tag"):
        params.load(import_module("stages.train").Params)
    assert not Path("unpickled").exists()


def test_a_pickle_or_a_zip_bomb_in_place_of_a_tensor_file_is_refused(folder: Path) -> None:
    Path("pickle").write_bytes(pickle.dumps(Hostile()))
    with zipfile.ZipFile("bomb", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("data.pkl", b"\0" * 10**7)
    for path in (Path("pickle"), Path("bomb")):
        with pytest.raises(ValueError, match="wanted a safetensors file, got"):
            tensors.load(path)
    assert not Path("unpickled").exists()


PAIRS = list(pairwise("abcdefghi"))
ALIASES = "a: &a [1]\n" + "".join(f"{b}: &{b} [{f'*{a},' * 9}]\n" for a, b in PAIRS)
MERGES = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [{f'*{a},' * 9}]}}\n" for a, b in PAIRS)
PARAMS = "params.load(split.Params)"
LINE = "tensors.load_samples(Path('line'))"
HISTORY = "history.load(Path('history'))"
LIMITED = """
import resource, sys
from pathlib import Path
from plumbline import history
from plumbline.core import params, tensors
from stages import split
used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {size} + 200_000_000,) * 2)
{code}
"""


@pytest.mark.all
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux has /proc/self/statm")
@pytest.mark.parametrize(
    ("code", "content"),
    [
        pytest.param(PARAMS, ALIASES.encode(), id="aliases of aliases"),
        pytest.param(PARAMS, MERGES.encode(), id="merges of merges"),
        pytest.param(PARAMS, b"[" * 5_000_000, id="deep"),
        pytest.param(PARAMS, b"a,\n" * 5_000_000, id="long"),
        pytest.param(PARAMS, b"{" + b"? a " * 20_000, id="many questions"),
        pytest.param(PARAMS, b"train: 0x" + b"f" * 90_000, id="many digits"),
        pytest.param(LINE, (10**8).to_bytes(8, "little") + b"[" * 10**8, id="deep header"),
        pytest.param(LINE, (9**9).to_bytes(8, "little"), id="header beyond the file"),
        pytest.param(LINE, b"\x50" + b"\0" * 7 + b'{"X":{"dtype":"F32","shape":[1099511627776,1],'
                     b'"data_offsets":[0,4398046511104]}}', id="terabytes"),
        pytest.param(HISTORY, b"," * 50_000_000, id="one line of commas"),
        pytest.param(HISTORY, b"epoch,train_loss,test_loss,weight,bias\n"
                     + b"".join(b"%d,1,1,1,1\n" % i for i in range(500_000)) + b"x", id="rows"),
        pytest.param(HISTORY, b'"' * 7_000_000, id="quotes"),
    ],
)  # fmt: skip
def test_no_file_takes_more_memory_than_its_size_plus_200_megabytes(
    tmp_path: Path, code: str, content: bytes
) -> None:
    for name in ("params.yaml", "line", "history"):
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(size=len(content), code=code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "UserError: " in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "endless link", "folder"])
def test_a_path_that_is_not_a_regular_file_is_refused_at_once(folder: Path, kind: str) -> None:
    path = Path("params.yaml")
    path.unlink()
    if kind == "pipe" and sys.platform != "win32":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    for read in (
        tensors.load,
        history.load,
        lambda _: params.load(import_module("stages.split").Params),
    ):
        with pytest.raises(ValueError, match="^params.yaml: wanted a"):
            read(path)
