"""Every file is read, or refused with an error; none runs code, fills memory or hangs a reader.

With FUZZ=10000 in the environment, the last test draws 10,000 files of each kind.
"""

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from plumbline import history, validation
from plumbline.core import params, tensors
from plumbline.core.errors import UserError
from plumbline.review.git import HERE
from plumbline.review.measured import read_values
from stages import predict, train
from tests.support.exercise import EXERCISE, INFO, run_stage
from tests.support.models import make_model_with_info

SAMPLES, MODEL = "samples.safetensors", "model.safetensors"
MLP, MLP_INFO = make_model_with_info("mlp", 2, standardize=True)
WEIGHTS = {name: tensor.numpy() for name, tensor in MLP.state_dict().items()}
X = np.ones((9, 1), "f4")
# A valid file of each kind, and the function that reads it.
WHOLE = {
    "params.yaml": yaml.safe_dump(EXERCISE).encode(),
    SAMPLES: save({"X": X, "y": X}, tensors.encode(INFO)),
    MODEL: save(WEIGHTS, tensors.encode(MLP_INFO)),
    "history.csv": b"epoch,train_loss,test_loss,weight,bias\n0,0.5,0.25,-1e-10,3.0\n20,1,2,3,4\n",
    "validation.csv": b"seed,mae,mae_low,mae_high,baseline_mae,held_out\n0,1,1,2,3,9\n1,,,,3,9\n",
    "metrics.json": b'{"test_mae": 0.00647102, "device": "cpu", "bias_error": 1e-05}',
    "new.csv": b'x1,"a note",x0\n0.5,"two\nlines",1\n2,,0.25\n',
}
READERS: dict[str, Callable[[], object]] = {
    "params.yaml": lambda: params.load_params(train.Params),
    SAMPLES: lambda: tensors.load_samples(Path(SAMPLES)),
    MODEL: lambda: run_stage(predict, "new.csv", MODEL, "out"),
    "history.csv": lambda: history.load(Path("history.csv")),
    "validation.csv": lambda: validation.load(Path("validation.csv")),
    "metrics.json": lambda: read_values(HERE, "", "metrics.json"),
    "new.csv": lambda: run_stage(predict, "new.csv", MODEL, "out"),
}
each_kind = pytest.mark.parametrize("name", WHOLE)


@pytest.fixture
def files(folder: Path) -> None:
    """A valid file of each kind in the working folder."""
    for name, content in WHOLE.items():
        Path(name).write_bytes(content)


def is_refused(name: str) -> bool:
    """True if the file is refused. Its error must name it, or new.csv, the input of the model."""
    said = ""
    try:
        READERS[name]()
    except (UserError, OSError) as error:
        said = str(error)
    assert not said or name in said or "new.csv" in said
    return bool(said)


class Hostile:
    """An object that creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run",)


@each_kind
def test_a_valid_file_is_read_and_code_in_a_file_does_not_run(files: None, name: str) -> None:
    assert not is_refused(name)
    for code in (pickle.dumps(Hostile()), b"train: !!python/object/apply:os.mkdir [run]"):
        Path(name).write_bytes(code)
        assert is_refused(name)
        assert not Path("run").exists()


@each_kind
def test_anything_but_a_regular_file_is_refused_without_waiting(files: None, name: str) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no named pipes")
    path = Path(name)
    kinds: list[Callable[[], object]] = [
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to(path),
        lambda: os.mkfifo(path),
        path.mkdir,
    ]
    signal.alarm(60)  # ends this process if the reader waits for a writer to the pipe
    try:
        for make in kinds:
            path.unlink()
            make()
            assert is_refused(name)
    finally:
        signal.alarm(0)


MERGES = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [{f'*{a},' * 9}]}}\n" for a, b in pairwise("abcdefghi")
)
TERABYTES = b'{"X":{"dtype":"F32","shape":[1099511627776,1],"data_offsets":[0,4398046511104]}}'
HUGE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "merges of merges": ("params.yaml", MERGES.encode),
    "many digits": ("params.yaml", lambda: b"train: 0x" + b"f" * 90_000),
    "deep header": (SAMPLES, lambda: (10**8).to_bytes(8, "little") + b"[" * 10**8),
    "terabytes": (SAMPLES, lambda: len(TERABYTES).to_bytes(8, "little") + TERABYTES),
    "commas": ("history.csv", lambda: b"," * history.MAX_BYTES),
    "too many commas": ("history.csv", lambda: b"," * 50_000_000),
    "deep": ("metrics.json", lambda: b"[" * 90_000),
    "many lists": ("metrics.json", lambda: b'{"a": [' + b"[]," * 10**7 + b"[]]}"),
}


@pytest.mark.all
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux has /proc/self/statm")
@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_or_deep_file_is_refused_within_20_seconds_and_200_extra_megabytes(
    files: None, kind: str
) -> None:
    resource = pytest.importorskip("resource")
    name, make = HUGE[kind]
    size = Path(name).write_bytes(make())
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    old, start = resource.getrlimit(resource.RLIMIT_AS), time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (used + size + 200_000_000, old[1]))
    try:
        assert is_refused(name)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)
    assert time.process_time() - start < 20


many = settings(
    max_examples=int(os.environ.get("FUZZ", "200")),
    # A file that takes longer fails the test. The limit allows for a busy machine.
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize="FUZZ" not in os.environ,
)


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """The content with some bytes replaced or with its end cut off, or random bytes."""
    place, size = st.integers(0, len(whole) - 1), st.integers(0, 9) | st.just(len(whole))
    return st.binary() | st.builds(
        lambda at, n, new: whole[:at] + new + whole[at + n :], place, size, st.binary(max_size=9)
    )


@pytest.mark.all
@each_kind
@many
@given(st.data())
def test_any_file_is_read_or_refused(files: None, name: str, data: st.DataObject) -> None:
    Path(name).write_bytes(data.draw(mutated(WHOLE[name])))
    is_refused(name)
