"""Any file is read, or refused in one line; FUZZ=10000 tries that many of each kind."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from safetensors.numpy import save, save_file

from plumbline import history
from plumbline.commands import summary
from plumbline.core import params, tensors
from plumbline.core.command import LENGTH, one_line
from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml as parse
from stages import predict, split, train
from tests.support.exercise import EXERCISE, run_stage
from tests.support.models import make_with_info

pytestmark = pytest.mark.all

many = settings(
    max_examples=int(os.environ.get("FUZZ", "200")),
    # A file that takes longer counts as a hang. The limit allows for a busy machine.
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize="FUZZ" not in os.environ,
)


def assert_read_or_refused(path: Path, *readers: Callable[[], Any]) -> None:
    """Passes if each returns, or raises an error that names the path and fits on one line."""
    errors = []
    for read in readers:
        try:
            read()
        except (UserError, OSError) as error:
            errors.append(str(error))
    for said in errors:
        assert str(path) in said
        assert one_line(said).isprintable()
        assert len(one_line(said)) <= LENGTH + 4


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


PARAMS = yaml.safe_dump(EXERCISE).encode()
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.binary()
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(scalars | st.text(), v, max_size=4)
)
tokens = st.text("&*!<|>-?:,[]{}#'\"%@`~=\\ \n\tabe019._+", max_size=30)
yamls = st.one_of(
    mutated(PARAMS),
    st.one_of(tokens, st.text()).map(lambda text: text.encode(errors="replace")),
    tokens.map(lambda text: PARAMS.replace(b"lr: 0.01", b"lr: " + text.encode())),
    values.map(lambda value: yaml.safe_dump(value).encode()),
    st.tuples(st.sampled_from(["train", "split", "device"]), values).map(
        lambda pair: yaml.safe_dump(yaml.safe_load(PARAMS) | dict([pair])).encode()
    ),
)


@pytest.mark.parametrize("stage", [split, train])
@many
@given(yamls)
def test_any_params_yaml_is_read_or_refused(folder: Path, stage: Any, text: bytes) -> None:
    Path("params.yaml").write_bytes(text)
    assert_read_or_refused(Path("params.yaml"), lambda: params.load(stage.Params))


def value(read: Callable[[], Any]) -> Any:
    """The value and its type; None if it is refused."""
    try:
        result = read()["key"]
    except (ValueError, YAMLFileCorruptedError):
        return None
    return type(result), repr(result)


@many
@given(st.text("0123456789+-.eE_xobn:ainfNATrulFsy~ ", max_size=8))
def test_any_number_is_refused_or_read_as_dvc_reads_it(text: str) -> None:
    ours = value(lambda: parse(f"key: {text}".encode(), params.PARAMS))
    assert ours in (None, value(lambda: parse_yaml(f"key: {text}", "params.yaml")))


SAMPLES = {"X": np.zeros((9, 1), "f4"), "y": np.ones((9, 1), "f4")}
HEADER = b'{"X":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}'
headers = st.tuples(
    st.sampled_from(["F32", "F64", "BF16", "F8_E4M3", "I64", "BOOL", "F4", "?"]),
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=4),
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 33), max_size=3),
).map(lambda t: f'{{"X":{{"dtype":"{t[0]}","shape":{t[1]},"data_offsets":{t[2]}}}}}'.encode())
files = st.one_of(
    mutated(save(SAMPLES)),
    st.one_of(headers, mutated(HEADER)).map(
        lambda header: len(header).to_bytes(8, "little") + header + bytes(32)
    ),
    st.tuples(st.integers(0, 2**64 - 1), st.binary()).map(
        lambda t: t[0].to_bytes(8, "little") + t[1]
    ),
)


@many
@given(files)
def test_any_tensor_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "line.safetensors"
    path.write_bytes(content)
    assert_read_or_refused(
        path,
        lambda: tensors.load(path),
        lambda: tensors.load_samples(path),
        lambda: tensors.load_samples(path, slice(2, 4)),
    )


ROWS = "epoch,train_loss,test_loss,weight,bias\n" + "0,0.5,0.25,-1e-10,3.0\n20,1,2,3,4\n"
cells = st.one_of(st.integers().map(str), st.floats().map(str), st.text(max_size=5))
tables = st.one_of(
    mutated(ROWS.encode()),
    st.lists(st.lists(cells, max_size=7).map(",".join), max_size=5).map(
        lambda rows: (ROWS + "\n".join(rows)).encode(errors="replace")
    ),
)


@many
@given(tables)
def test_any_history_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "history.csv").write_bytes(content)
    assert_read_or_refused(tmp_path / "history.csv", lambda: history.load(tmp_path / "history.csv"))


METRICS = b'{"test_mae": 0.00647102, "weight": 0.302815, "bias": 0.89101, "bias_error": 1e-05}'
deep = st.integers(1, 100_000).map(lambda n: b"[" * n)


@many
@given(mutated(METRICS) | deep)
def test_any_metrics_json_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    assert_read_or_refused(path, lambda: summary.load_numbers(str(path), "test_mae"))


TABLE = b'x1,"a note",x0\n0.5,"two\nlines",1\n2,,0.25\n'
MLP, INFO = make_with_info("mlp", 2, standardize=True)
infos = st.tuples(st.sampled_from(["recipe.settings.hidden", *INFO.__struct_fields__]), values).map(
    lambda t: changed(to_builtins(INFO), t[0].split("."), t[1])
)


def changed(info: Any, keys: list[str], value: Any) -> bytes:
    """The info as JSON, with another value for the key."""
    inner = info
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return msgspec.json.encode(json.loads(json.dumps(info, default=str, skipkeys=True)))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@many
@given(infos | mutated(msgspec.json.encode(INFO)), st.just(TABLE) | mutated(TABLE))
def test_any_model_predicts_any_table_or_is_refused(
    folder: Path, info: bytes, table: bytes
) -> None:
    here = Path("here")
    here.mkdir(exist_ok=True)
    arrays = {key: tensor.numpy() for key, tensor in MLP.state_dict().items()}
    save_file(arrays, here / "model", {"info": info.decode("utf-8", "replace")})
    (here / "new").write_bytes(table)
    assert_read_or_refused(
        here, lambda: run_stage(predict, here / "new", here / "model", here / "out")
    )
