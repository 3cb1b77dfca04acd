"""Time and peak memory of `load` for tables of 10 million rows, as a table.

Usage: python -m benchmarks.loading [ROWS]

The samples are the float32 numbers that `load` writes; imports are its time on 10 rows.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import yaml
from pyarrow import csv, parquet

from benchmarks.measuring import measure
from tests.support.clone import make_clone

RUNS = 3
CHUNK = 100_000


def write_table(path: Path, rows: int, features: int) -> None:
    """Writes uniform random numbers with 6 digits: the features, and y.

    It writes chunks, because a child's peak memory starts at that of its parent.
    """
    random = np.random.default_rng(0)
    schema = pa.schema([(f"x{i}", pa.float64()) for i in range(features)] + [("y", pa.float64())])
    writer = csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter
    with writer(path, schema) as file:
        for start in range(0, rows, CHUNK):
            n = min(CHUNK, rows - start)
            columns = [random.random(n).round(6) for _ in schema]
            file.write_table(pa.table(columns, schema=schema))


def main(rows: int) -> None:
    print("| table | features | file, MB | samples, MB | seconds | peak, MB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(Path(folder) / "clone")
        load = {"load": {"target": "y", "features": None}}
        (clone.path / "params.yaml").write_text(yaml.safe_dump(load))
        for kind in ("csv", "parquet"):
            for n, features in ((10, 1), (rows, 1), (rows, 10)):
                table, samples = clone.path / f"table.{kind}", clone.path / "samples"
                write_table(table, n, features)
                command = ["python", "-m", "stages.load", str(table), str(samples)]
                seconds, mb = min(measure(command, clone) for _ in range(RUNS))
                sizes = (f"{path.stat().st_size / 1e6:,.0f}" for path in (table, samples))
                cells = (f"{kind}, {n:,} rows", features, *sizes, f"{seconds:.2f}", f"{mb:,}")
                print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**7)
