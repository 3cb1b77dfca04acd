"""Measures only the training, in this project and with its alternatives, such as Lightning.

Usage: python -m benchmarks.training [RUNS]

Each way in `benchmarks/ways.py` runs in its own process. The rows of a table take turns. A time is
the median of a row's runs, and a ratio is the median of the ratios of these runs.
"""

import os
import statistics
import subprocess
import sys
from typing import NamedTuple


class Row(NamedTuple):
    way: str
    samples: int
    epochs: int
    features: int = 1
    threads: int | None = None  # None: one thread for each core

    def seconds(self) -> float:
        """Seconds for one sample in one epoch."""
        arguments = [self.way, *map(str, (self.samples, self.epochs, self.features))]
        threads = {"OMP_NUM_THREADS": str(self.threads)} if self.threads else {}
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.ways", *arguments],
            env={**os.environ, **threads},
            stdout=subprocess.PIPE,
            check=True,
        )
        return float(process.stdout) / self.epochs / self.samples

    def __str__(self) -> str:
        features = f", {self.features} features" if self.features > 1 else ""
        return self.way + features + ", one thread" * (self.threads == 1)


# Each ratio divides a row's time by the time of the first row of its table.
TABLES = [
    [
        Row("this", 100, 2_000),
        Row("plain loop", 100, 2_000),
        Row("Lightning's Trainer, DataLoader", 100, 500),
        Row("Lightning's Trainer, no collating", 100, 500),
        Row("scikit-learn's SGDRegressor", 100, 2_000),
    ],
    [
        Row("this", 10**6, 100),
        Row("this", 10**6, 100, threads=1),
        Row("plain loop", 10**6, 100),
        Row("Lightning's Trainer, DataLoader", 10**6, 1),
        Row("Lightning's Trainer, no collating", 10**6, 50),
        Row("scikit-learn's SGDRegressor", 10**6, 20),
    ],
    [
        Row("this", 10**7, 20),
        Row("this", 10**7, 20, threads=1),
        Row("plain loop", 10**7, 10),
        Row("reading X and y once", 10**7, 50),
    ],
    [
        Row("this", 10**7, 10, features=10),
        Row("plain loop", 10**7, 5, features=10),
    ],
    [
        Row("this", 10**8, 5),
        Row("this", 10**8, 5, threads=1),
    ],
    [
        Row("this, batches of 1,000", 10**5, 5),
        Row("plain loop, DataLoader of 1,000", 10**5, 5),
    ],
]


def digits(number: float) -> str:
    """The number with three significant digits."""
    return f"{float(f'{number:.3g}'):,g}"


def main(runs: int) -> None:
    """Prints the tables; a ratio compares the times for one sample in one epoch."""
    print("| samples | way | ms per epoch | ns per sample | way / this |")
    print("|---|---|---|---|---|")
    for rows in TABLES:
        runs_of_rows = [[row.seconds() for row in rows] for _ in range(runs)]
        for place, row in enumerate(rows):
            each = statistics.median(run[place] for run in runs_of_rows)
            ratio = statistics.median(run[place] / run[0] for run in runs_of_rows)
            figures = " | ".join(map(digits, (each * row.samples * 1e3, each * 1e9, ratio)))
            print(f"| {row.samples:,} | {row} | {figures} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
