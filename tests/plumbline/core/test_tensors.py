"""Files of tensors load exactly as they were saved; malformed files are refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array, SamplesInfo, encode
from tests.support.exercise import INFO

X = np.arange(5, dtype=np.float32)[:, None]


@pytest.mark.parametrize("padding", range(0, 8, 3))
def test_any_rows_load_bit_for_bit_from_any_byte_offset(tmp_path: Path, padding: int) -> None:
    path, wide, y = tmp_path / "line", np.hstack([X, -X]), X * np.float32(0.1)
    info = SamplesInfo(features=["a", "b"], target="c", line=(0.3, 0.9))
    tensors.save_samples(path, wide, y, info)
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = content[8:end].rstrip() + b" " * padding
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[end:])
    for rows in (slice(None), slice(3, 5), slice(2, 2)):
        *found, names = tensors.load_samples(path, rows)
        assert [a.tobytes() for a in found] == [wide[rows].tobytes(), y[rows].tobytes()]
        assert names == info


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"X": X, "y": X, "z": X}, r"wanted tensors \['X', 'y'\], got \['X', 'y', 'z'\]"),
        ({"X": X, "y": X[:-1]}, "wanted X and y of equal length, got 5 and 4"),
        ({"X": X, "y": np.zeros((5, 2), "f4")}, r"y: wanted shape \(n, 1\), got \(5, 2\)"),
        ({"X": X[:0], "y": X[:0]}, r"X: wanted shape \(n, k\), got \(0, 1\)"),
        ({"X": np.hstack([X, X]), "y": X}, r"wanted 2 names of features, got \['X'\]"),
        ({"X": X, "y": X.astype("f8")}, "y: wanted dtype F32, got F64"),
        ({"X": X, "y": X * np.float32("nan")}, "y: wanted finite numbers, got nan or inf"),
    ],
)
def test_malformed_samples_are_refused(
    tmp_path: Path, content: dict[str, Array], message: str
) -> None:
    save_file(content, tmp_path / "line", encode(INFO))
    with pytest.raises(UserError, match=rf"[/\\]line: {message}$"):
        tensors.load_samples(tmp_path / "line")


def test_only_finite_numbers_are_saved_but_their_sum_may_overflow(tmp_path: Path) -> None:
    large = np.full((2, 1), np.finfo(np.float32).max)
    tensors.save(tmp_path / "line", {"X": large, "scalar": large[0, 0]})
    loaded, _ = tensors.load(tmp_path / "line")
    assert loaded["X"].tobytes() == large.tobytes()
    assert (loaded["scalar"].shape, loaded["scalar"]) == ((), large[0, 0])
    for number in ("nan", "inf"):
        with pytest.raises(UserError, match="X: wanted finite numbers"):
            tensors.save(tmp_path / "other", {"X": X + np.float32(number)})
    assert not (tmp_path / "other").exists()


def test_predictions_that_do_not_fit_the_samples_are_refused(tmp_path: Path) -> None:
    tensors.save(tmp_path / "predictions", {"train": X, "test": X[:2]})
    with pytest.raises(UserError, match="wanted 5 and 3 rows in train and test, got 5 and 2$"):
        tensors.load_predictions(tmp_path / "predictions", 5, 3)
