"""Any file is read, or refused in one line: it runs no code, fills no memory and never hangs.

FUZZ=10000 draws that many files of each kind.
"""

import json
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from safetensors.numpy import save

from plumbline import history, validation
from plumbline.core import params, tensors
from plumbline.core.command import LENGTH, one_line
from plumbline.core.errors import UserError
from plumbline.review.git import HERE
from plumbline.review.measured import read_values
from stages import predict, split, train
from tests.support.exercise import EXERCISE, INFO, run_stage
from tests.support.models import make_with_info

LINE, MODEL = "line.safetensors", "model.safetensors"
MLP, MLP_INFO = make_with_info("mlp", 2, standardize=True)
WEIGHTS = {name: tensor.numpy() for name, tensor in MLP.state_dict().items()}
X = np.ones((9, 1), "f4")
# A whole file of each kind.
WHOLE = {
    "params.yaml": yaml.safe_dump(EXERCISE).encode(),
    LINE: save({"X": X, "y": X}, tensors.encode(INFO)),
    MODEL: save(WEIGHTS, tensors.encode(MLP_INFO)),
    "history.csv": b"epoch,train_loss,test_loss,weight,bias\n0,0.5,0.25,-1e-10,3.0\n20,1,2,3,4\n",
    "validation.csv": b"seed,mae,mae_low,mae_high,baseline_mae,held_out\n0,1,1,2,3,9\n1,,,,3,9\n",
    "metrics.json": b'{"test_mae": 0.00647102, "device": "cpu", "bias_error": 1e-05}',
    "new.csv": b'x1,"a note",x0\n0.5,"two\nlines",1\n2,,0.25\n',
}
PREDICT: list[Callable[[], object]] = [lambda: run_stage(predict, "new.csv", MODEL, "out")]
READERS: dict[str, list[Callable[[], object]]] = {
    "params.yaml": [lambda: params.load_params(split.Params),
                    lambda: params.load_params(train.Params)],
    LINE: [lambda: tensors.load(Path(LINE)),
           lambda: tensors.load_samples(Path(LINE)),
           lambda: tensors.load_samples(Path(LINE), slice(2, 4))],
    MODEL: PREDICT,
    "history.csv": [lambda: history.load(Path("history.csv"))],
    "validation.csv": [lambda: validation.load(Path("validation.csv"))],
    "metrics.json": [lambda: read_values(HERE, "", "metrics.json")],
    "new.csv": PREDICT,
}  # fmt: skip


@pytest.fixture
def files(folder: Path) -> None:
    """A whole file of each kind in the working folder."""
    for name, content in WHOLE.items():
        Path(name).write_bytes(content)


def refusals(name: str) -> list[str]:
    """What the readers of the file say if they refuse it: one line that names it, or the table."""
    said = []
    for read in READERS[name]:
        try:
            read()
        except (UserError, OSError) as error:
            said.append(str(error))
    for line in said:
        assert name in line or "new.csv" in line
        assert one_line(line).isprintable()
        assert len(one_line(line)) <= LENGTH + 4
    return said


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_read(files: None, name: str) -> None:
    assert refusals(name) == []


class Hostile:
    """An object that creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run",)


@pytest.mark.parametrize("name", WHOLE)
def test_code_in_a_file_is_not_run(files: None, name: str) -> None:
    for code in (pickle.dumps(Hostile()), b"train: !!python/object/apply:os.mkdir [run]"):
        Path(name).write_bytes(code)
        assert len(refusals(name)) == len(READERS[name])
        assert not Path("run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "endless link", "folder"])
@pytest.mark.parametrize("name", WHOLE)
def test_what_is_not_a_regular_file_is_refused_at_once(files: None, name: str, kind: str) -> None:
    path = Path(name)
    path.unlink()
    if kind == "pipe" and sys.platform != "win32":
        os.mkfifo(path)
        signal.alarm(60)  # ends this process if it waits for a writer
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    assert len(refusals(name)) == len(READERS[name])
    if sys.platform != "win32":
        signal.alarm(0)


MERGES = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [{f'*{a},' * 9}]}}\n" for a, b in pairwise("abcdefghi")
)
TERABYTES = b'{"X":{"dtype":"F32","shape":[1099511627776,1],"data_offsets":[0,4398046511104]}}'
HUGE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "merges of merges": ("params.yaml", MERGES.encode),
    "brackets": ("params.yaml", lambda: b"[" * params.MAX_BYTES),
    "many questions": ("params.yaml", lambda: b"{" + b"? a " * 20_000),
    "many digits": ("params.yaml", lambda: b"train: 0x" + b"f" * 90_000),
    "deep header": (LINE, lambda: (10**8).to_bytes(8, "little") + b"[" * 10**8),
    "terabytes": (LINE, lambda: len(TERABYTES).to_bytes(8, "little") + TERABYTES),
    "too many commas": ("history.csv", lambda: b"," * 50_000_000),
    "commas": ("history.csv", lambda: b"," * history.MAX_BYTES),
    "rows": ("history.csv", lambda: WHOLE["history.csv"] + b"20,1,1,1,1\n" * 140_000),
    "deep": ("metrics.json", lambda: b"[" * 90_000),
}


@pytest.mark.all
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux has /proc/self/statm")
@pytest.mark.parametrize("kind", HUGE)
def test_no_file_takes_more_memory_than_its_size_plus_200_megabytes_or_long(
    files: None, kind: str
) -> None:
    resource = pytest.importorskip("resource")
    name, make = HUGE[kind]
    size = Path(name).write_bytes(make())
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    old, start = resource.getrlimit(resource.RLIMIT_AS), time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (used + size + 200_000_000, old[1]))
    try:
        said = refusals(name)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)
    assert len(said) == len(READERS[name])
    assert time.process_time() - start < 20


many = settings(
    max_examples=int(os.environ.get("FUZZ", "200")),
    # A file that takes longer counts as a hang. The limit allows for a busy machine.
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize="FUZZ" not in os.environ,
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.binary()
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(scalars | st.text(), v, max_size=4)
)
tokens = st.text("&*!<|>-?:,[]{}#'\"%@`~=\\ \n\tabe019._+", max_size=30)
numbers = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 33), max_size=4)
dtypes = st.sampled_from(["F32", "F64", "BF16", "F8_E4M3", "I64", "BOOL", "F4", "?"])


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """The content with a piece replaced, its end cut off or one bit flipped; or random bytes."""
    place = st.integers(0, len(whole) - 1)
    replaced = st.tuples(place, st.integers(0, 9), st.binary(max_size=9)).map(
        lambda t: whole[: t[0]] + t[2] + whole[t[0] + t[1] :]
    )
    flipped = st.tuples(place, st.integers(0, 7)).map(
        lambda t: whole[: t[0]] + bytes([whole[t[0]] ^ 1 << t[1]]) + whole[t[0] + 1 :]
    )
    return st.one_of(replaced, flipped, place.map(lambda i: whole[:i]), st.binary())


def model_with(key: str, value: Any) -> bytes:
    """The model with another value in its info."""
    info = json.loads(json.dumps(to_builtins(MLP_INFO) | {key: value}, default=str, skipkeys=True))
    return save(WEIGHTS, {"info": json.dumps(info, ensure_ascii=False)})


# Beside the mutated ones: files whose form is right and whose content is not.
FORMED: dict[str, st.SearchStrategy[bytes]] = {
    "params.yaml": st.one_of(
        tokens.map(lambda text: WHOLE["params.yaml"].replace(b"lr: 0.01", b"lr: " + text.encode())),
        st.tuples(st.sampled_from(["train", "split", "device"]), values).map(
            lambda pair: yaml.safe_dump(EXERCISE | dict([pair])).encode()
        ),
        values.map(lambda value: yaml.safe_dump(value).encode()),
    ),
    LINE: st.tuples(dtypes, numbers, numbers).map(
        lambda t: f'{{"X":{{"dtype":"{t[0]}","shape":{t[1]},"data_offsets":{t[2]}}}}}'.encode()
    ).map(lambda header: len(header).to_bytes(8, "little") + header + bytes(32)),
    MODEL: st.builds(model_with, st.sampled_from(MLP_INFO.__struct_fields__), values),
}  # fmt: skip


@pytest.mark.all
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("name", WHOLE)
@many
@given(st.data())
def test_any_file_is_read_or_refused(files: None, name: str, data: st.DataObject) -> None:
    Path(name).write_bytes(data.draw(mutated(WHOLE[name]) | FORMED.get(name, st.nothing())))
    refusals(name)
