"""The README's exercise, a straight line: its pipeline, parameters, rules and published table.

Tests use them even if the user has a different table, different parameters or more stages.
"""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from plumbline.core.files import parse_yaml
from plumbline.core.params import load_params
from plumbline.core.tensors import SamplesInfo
from plumbline.lint import declared

ROOT = Path(__file__).parents[2]

# The stage that `load` replaces in a user's project.
GENERATE = """\
  generate:
    desc: Generate samples of a straight line
    cmd: python -m stages.generate data/samples.safetensors
    deps:
      - stages/generate.py
      - plumbline/core
    params: [generate, {versions.yaml: [msgspec, numpy, pyyaml, safetensors, torch]}]
    outs:
      - data/samples.safetensors

"""


def pipeline() -> str:
    """The text of dvc.yaml with `generate` and the landscape; the user's own stages are kept."""
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    text = re.sub(r"^  load:\n(    .*\n|\n)*", GENERATE, text, flags=re.MULTILINE)
    if "plots/landscape.png" not in text:
        text = text.replace("validation.png\n", "validation.png plots/landscape.png\n", 1)
        entry = "      - plots/validation.png: {cache: false}\n"
        text = text.replace(entry, entry + entry.replace("validation", "landscape"), 1)
    return text


# The parameters that give the published numbers.
PARAMS = """
device: cpu
generate: {weight: 0.3, bias: 0.9, start: 0, end: 1, step: 0.01, noise: 0, seed: 42}
split: {train_fraction: 0.8, shuffle: false, seed: 42}
train: {model: linear, hidden: 16, standardize: false, seed: 42, loss: l1, optimizer: sgd, lr: 0.01,
  epochs: 300, batch_size: 0, eval_every: 20, last: 10, checkpoint_every: 0}
validate: {repeats: 20}
predict: {gaps: refuse}
plot: {width: 8, height: 5, dpi: 100}
"""

# PARAMS, with the keys that only a user's params.yaml has.
EXERCISE: dict[str, Any] = parse_yaml((ROOT / "params.yaml").read_bytes(), ROOT / "params.yaml")
EXERCISE.pop("load", None)
for _key, _value in yaml.safe_load(PARAMS).items():
    EXERCISE[_key] = _value if isinstance(_value, str) else EXERCISE.get(_key, {}) | _value

# The rules for the exercise's metrics. A user's gate.yaml may have others.
GATE = """\
metrics:
  validation_mae:
    decides: true
    better: lower
    tolerance: 1e-6
    limit: 0.05
  validation_mae_q1: {better: lower, tolerance: 1e-6}
  validation_mae_q3: {better: lower, tolerance: 1e-6}
  validation_baseline_mae: {better: neither, tolerance: 1e-6}
  baseline_mae: {better: neither, tolerance: 1e-6}
  test_mae: {better: lower, tolerance: 1e-6}
  test_rmse: {better: lower, tolerance: 1e-6}
  test_max_error: {better: lower, tolerance: 1e-6}
  test_r2: {better: higher, tolerance: 1e-6}
  train_mae: {better: lower, tolerance: 1e-6}
  weight: {better: neither, tolerance: 1e-6}
  bias: {better: neither, tolerance: 1e-6}
  weight_error: {better: lower, tolerance: 1e-6}
  bias_error: {better: lower, tolerance: 1e-6}
pictures:
  tolerance: 0.001
"""


# The exercise's stages, and those that a user has added, by name.
STAGES = declared.parse(ROOT, pipeline())

# The metadata of the exercise's samples.
INFO = SamplesInfo(features=["X"], target="y", line=None)


def run_stage(stage: ModuleType, *paths: str | Path) -> None:
    """Calls the stage's `main` with the parameters of params.yaml and these paths."""
    stage.main(load_params(stage.Params), *map(Path, paths))


def write_params(changes: dict[str, Any], folder: Path = Path()) -> None:
    """Writes params.yaml: the exercise with `changes`, such as {"train.lr": 0.02}."""
    params = {k: dict(v) if isinstance(v, dict) else v for k, v in EXERCISE.items()}
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        (params[section] if section else params)[name] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


# The exercise's published table, which `train` prints.
PUBLISHED = """\
start: weight 0.7645, bias 0.8300
epoch  train loss  test loss
    0       0.128      0.337
   20       0.082      0.218
   40       0.072      0.175
   60       0.065      0.153
   80       0.058      0.137
  100       0.051      0.121
  120       0.045      0.104
  140       0.038      0.088
  160       0.031      0.072
  180       0.024      0.056
  200       0.017      0.040
  220       0.010      0.024
  240       0.003      0.007
  260       0.008      0.007
  280       0.008      0.007
  299       0.004      0.006
end: weight 0.3028, bias 0.8910
test predictions: 1.1333 1.1363 1.1393 1.1423 1.1454 1.1484 1.1514 1.1545 1.1575 1.1605 \
1.1635 1.1666 1.1696 1.1726 1.1757 1.1787 1.1817 1.1847 1.1878 1.1908
"""
