"""Measures time and peak memory of `load` and `predict` for tables of 10 million rows.

Usage: python -m benchmarks.loading [ROWS]

`samples, MB` is the size of the output of `load`. The time for 10 rows is that of the imports.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import csv, parquet

from benchmarks.measuring import measure
from tests.support.clone import make_clone

RUNS = 3
CHUNK = 100_000

# Runs in a child: if this process imported torch, each child's peak memory would start higher.
SAVE_MODEL = """
from pathlib import Path
from plumbline.inference.model import save_model
from tests.support.models import make_model_with_info
save_model(Path("model"), *make_model_with_info("linear", {features}, standardize=True))
"""


def write_table(path: Path, rows: int, features: int) -> None:
    """Writes a table of uniform random numbers with 6 digits: the features and y.

    Chunks keep this process small, because a child's peak memory starts at that of its parent.
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
    print(
        "| table | features | file, MB | samples, MB | load, s | peak, MB | predict, s | peak, MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(Path(folder) / "clone")
        params = {"device": "cpu", "predict": {"gaps": "refuse"}}
        params |= {"load": {"target": "y", "features": None}}
        (clone.path / "params.yaml").write_text(yaml.safe_dump(params))
        for kind in ("csv", "parquet"):
            for n, features in ((10, 1), (rows, 1), (rows, 10)):
                table, samples = clone.path / f"table.{kind}", clone.path / "samples"
                write_table(table, n, features)
                clone.run("python", "-c", SAVE_MODEL.format(features=features))
                cells = [f"{kind}, {n:,} rows", f"{features}"]
                times = []
                for stage, *paths in ("load", samples), ("predict", "model", "out"):
                    command = ["python", "-m", f"stages.{stage}", str(table), *map(str, paths)]
                    seconds, mb = min(measure(command, clone) for _ in range(RUNS))
                    times += [f"{seconds:.2f}", f"{mb:,}"]
                cells += [f"{path.stat().st_size / 1e6:,.0f}" for path in (table, samples)] + times
                print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**7)
