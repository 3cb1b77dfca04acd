"""Say what the pipeline came to, from the files that it wrote.

Usage: python -m tools.summary
"""

import json
from pathlib import Path
from typing import Any

import yaml

from stages.command import run
from stages.evaluate import Params
from stages.params import load


def summary(metrics: dict[str, float], verdict: dict[str, Any], pictures: list[str]) -> str:
    """The learned line beside the true one, the error, the verdict, and where the pictures are."""
    true = load(Params).generate
    reloaded = "matches" if verdict["matches"] else "does not match"
    return "\n".join(
        [
            f"learned line: y = {metrics['weight']:g} * X + {metrics['bias']:g}",
            f"true line:    y = {true.weight:g} * X + {true.bias:g}",
            f"test MAE:     {metrics['test_mae']:g}",
            f"reloaded:     {reloaded}, largest difference {verdict['max_abs_difference']:g}",
            f"pictures:     {' '.join(pictures)}",
        ]
    )


def main() -> None:
    stages = yaml.safe_load(Path("dvc.yaml").read_bytes())["stages"]
    (metrics,) = stages["evaluate"]["metrics"][0]
    (verdict,) = stages["verify"]["outs"]
    pictures = [path for (path,) in stages["plot"]["plots"]]
    measured, verified = (json.loads(Path(path).read_bytes()) for path in (metrics, verdict))
    print(summary(measured, verified, pictures))


if __name__ == "__main__":
    run(main)
