"""Training alone: this project and what a user would use instead.

Usage: python -m benchmarks.training [RUNS]

The ways of `benchmarks/ways.py`, each in its own process. The rows of a table run in turn; each
figure is a median, and each ratio a median of ratios.
"""

import statistics
import subprocess
import sys

# Each row: way, samples, epochs. The ratios of a table compare with its first row.
TABLES = [
    [
        ("this", 100, 2_000),
        ("plain loop", 100, 2_000),
        ("Lightning's Trainer, DataLoader", 100, 500),
        ("Lightning's Trainer, no collating", 100, 500),
        ("scikit-learn's SGDRegressor", 100, 2_000),
    ],
    [
        ("this", 10**6, 50),
        ("plain loop", 10**6, 50),
        ("Lightning's Trainer, DataLoader", 10**6, 1),
        ("Lightning's Trainer, no collating", 10**6, 50),
        ("scikit-learn's SGDRegressor", 10**6, 20),
    ],
    [
        ("this", 10**7, 20),
        ("plain loop", 10**7, 10),
        ("reading X and y once", 10**7, 50),
        ("this", 10**8, 5),
    ],
    [
        ("this, batches of 1,000", 10**5, 5),
        ("plain loop, DataLoader of 1,000", 10**5, 5),
    ],
]


def seconds(way: str, samples: int, epochs: int) -> float:
    """Seconds of one epoch."""
    command = [sys.executable, "-m", "benchmarks.ways", way, str(samples), str(epochs)]
    process = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return float(process.stdout) / epochs


def digits(number: float) -> str:
    """The number with three significant digits."""
    return f"{float(f'{number:.3g}'):,g}"


def main(runs: int) -> None:
    """Prints a row for each way; its ratio compares the time for one sample."""
    print("| samples | way | ms per epoch | ns per sample | times this |")
    print("|---|---|---|---|---|")
    for rows in TABLES:
        runs_of_rows = [[seconds(*row) / row[1] for row in rows] for _ in range(runs)]
        for place, (way, samples, _) in enumerate(rows):
            each = statistics.median(run[place] for run in runs_of_rows)
            ratio = statistics.median(run[place] / run[0] for run in runs_of_rows)
            figures = " | ".join(map(digits, (each * samples * 1e3, each * 1e9, ratio)))
            print(f"| {samples:,} | {way} | {figures} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
