"""Makes a project from the files of this checkout, so that no file has a second copy."""

import hashlib
import json
import math
import re
from importlib import metadata
from typing import Any

import msgspec

from plumbline.core.errors import UserError
from plumbline.wheel import ROOT, wheel_path

# What follows this line in a file of this checkout is left out of a project.
ONLY_HERE = "# Below: only in this repository, not in a project that `new` makes.\n"

FILES = [
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots.html",
    ".dvcignore",
    ".gitattributes",
    ".github/workflows/comment.yml",
    ".github/workflows/review.yml",
    ".gitignore",
    "Makefile",
    "constraints.txt",
    "pyproject.toml",
    "requirements-dev.txt",
    "tests/stages/test_model.py",
]
LOAD = """\
  load:
    desc: Load the samples from a table
    cmd: python -m stages.load {table} data/samples.safetensors
    deps:
      - stages/load.py
      - {table}
    params: [load, {{versions.yaml: [msgspec, numpy, pyarrow, pyyaml, safetensors]}}]
    outs:
      - data/samples.safetensors
"""
LOAD_PARAMS = """\
load:
  target: {target:<13} # the name of the column to predict
  features: {features:<11} # a list of those to predict it from, in their order; null for all others
"""
README = """\
# {name}

A PyTorch model, trained by a [DVC](https://dvc.org) pipeline that Plumbline made.

    make repro      # set up .venv and run the pipeline; on Linux without a GPU: make repro CPU=1
    make test       # check the code and run the tests

## The pipeline

{flow}

`dvc.yaml` lists what each stage imports, reads and writes. `params.yaml` says what each number
means. `stages/` is yours: a script for each stage, the models, the losses and the loop. The library
is the wheel in `vendor/`.

## Using the model

`make predict TABLE=new.csv` writes `new.predictions.csv`. In a notebook in this folder, with a data
frame or a dictionary of columns:

```python
from plumbline.predictor import Predictor
from stages.model import MODELS

predicted = Predictor("models/model.safetensors", MODELS).predict(table)
```

{daily}
## A later version of the library

Commit all that you changed. In a later checkout of Plumbline, run `make repro`, and then
`.venv/bin/python -m plumbline update` with the path of this folder. It replaces the wheel, and
names the files that are different in a new project. Then `make repro` here reruns what depends on
the library, and git shows whether a result moved.
"""

# Above this many numbers in a table, 20 trainings take minutes; six are the fewest that are judged.
LARGE = 2_000_000


class Table(msgspec.Struct, frozen=True):
    """What `new` has to know of a table."""

    path: str  # in the project
    target: str
    features: list[str] | None  # None: all others
    shape: tuple[int, int]  # rows and features
    std: float  # the standard deviation of the target


class Plan(msgspec.Struct, frozen=True):
    """All that a project depends on besides this checkout; without a table, it is the exercise."""

    name: str
    model: str
    table: Table | None

    @property
    def has_line(self) -> bool:
        """True if the model is a line in one feature, so that there is a loss landscape."""
        return self.model != "mlp" and (self.table is None or self.table.shape[1] == 1)


class Made(msgspec.Struct, frozen=True):
    """What `new` records for `update`; files: `digest` of each file that was last taken over."""

    plan: Plan
    version: str
    files: dict[str, str]


MADE = "vendor/made.json"


def encode(made: Made) -> bytes:
    """The record as the content of `MADE`."""
    return msgspec.json.format(msgspec.json.encode(made)) + b"\n"


def digest(content: bytes, version: str) -> str:
    """The SHA-256 of a file; it does not depend on the version of the library."""
    return hashlib.sha256(content.replace(version.encode(), b"")).hexdigest()


def repro_command() -> str:
    """The command that installs the build of PyTorch that this environment has."""
    return "make repro CPU=1" if metadata.version("torch").endswith("+cpu") else "make repro"


def make_texts(plan: Plan, version: str) -> dict[str, str]:
    """The text of each file of the project but its wheel and its table, by its path."""
    unused = "stages/generate.py" if plan.table else "stages/load.py"
    scripts = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("stages/*.py")} - {unused}
    texts = {path: read(path) for path in [*FILES, *sorted(scripts)]}
    for path, old, new in (
        (".dvcignore", "plumbline", "stages"),
        (".github/workflows/review.yml", ' --numprocesses 2 --dist worksteal -m "not all"', ""),
        ("pyproject.toml", r'(?<=files = \[)"plumbline", ', ""),
    ):
        texts[path] = replace(texts[path], old, new)
    return texts | {
        "README.md": readme(plan),
        "dvc.yaml": pipeline(plan),
        "gate.yaml": gate(plan),
        "params.yaml": params(plan),
        "requirements.txt": replace(
            read("requirements.txt"), r"--editable \.", f"./{wheel_path(version)}"
        ),
        "versions.yaml": f'{read("versions.yaml")}plumbline: "{version}"\n',
    }


def pipeline(plan: Plan) -> str:
    """dvc.yaml with the library's version in place of its files, and `load` for a table."""
    text = replace(read("dvc.yaml"), r"\n +- plumbline/.*", "")
    if plan.table:
        text = replace(text, entry_pattern("generate"), LOAD.format(table=plan.table.path))
    if not plan.has_line:
        text = replace(text, r"\n.*plots/landscape\.png.*", "")
    return replace(text, r"(versions\.yaml: \[.*?)(, py)", r"\1, plumbline\2")


def params(plan: Plan) -> str:
    """params.yaml with what suits the table and its size; the comments stay."""
    text, values = read("params.yaml"), {"train.model": plan.model}
    if table := plan.table:
        target, features = (
            json.dumps(value, ensure_ascii=False) for value in (table.target, table.features)
        )
        section = LOAD_PARAMS.format(target=target, features=features)
        text = replace(text, entry_pattern("generate"), lambda _: section)
        values |= {"split.shuffle": "true", "train.standardize": "true", "train.loss": "mse"}
        values |= {"train.optimizer": "adam"} if plan.model == "mlp" else {"train.lr": "0.1"}
        values |= {"train.epochs": "1000", "train.eval_every": "50"}
        values |= {"validate.repeats": "6"} if math.prod(table.shape) > LARGE else {}
    for key, value in values.items():
        text = set_value(text, key, value)
    return text


def set_value(text: str, key: str, value: str) -> str:
    """params.yaml with another value of the key, such as `train.lr`; its comment stays in place."""
    section, name = key.split(".")

    def changed(found: re.Match[str]) -> str:
        return f"{found[1]}{value:<{len(found[2])}}"

    return replace(text, rf"(\n{section}:.*\n(?:  .*\n)*?  {name}: )(\S+ *)(?= #|\n)", changed)


def gate(plan: Plan) -> str:
    """gate.yaml with the rules for what a table has, and tolerances in the unit of its target."""
    if not plan.table:
        return read("gate.yaml")
    unknown = "(?:weight|bias)_error" if plan.has_line else "(?:weight|bias)(?:_error)?"
    text = re.sub(entry_pattern(unknown), "", read("gate.yaml"))
    text = re.sub(r"\n    limit: .*", "", text)
    step = 10.0 ** round(math.log10(plan.table.std * 1e-4)) if plan.table.std else 0
    text = text.replace("tolerance: 1e-6", f"tolerance: {step:g}")
    return re.sub(r"(?s)(  test_r2:.*?tolerance: )[^\s}]+", r"\g<1>1e-4", text, count=1)


def readme(plan: Plan) -> str:
    """A README with the pipeline, and with the daily commands of this checkout's own."""
    text = read("README.md")
    _, start, rest = text.partition("```mermaid\n")
    flow = start + rest.partition("\n```")[0] + "\n```"
    _, start, rest = text.partition("## Every day\n")
    daily = re.sub(r"\[([^]]*)\]\(docs/[^)]*\)", r"\1", start + rest.partition("\n![")[0])
    first = "load" if plan.table else "generate"
    return README.format(name=plan.name, flow=flow.replace("generate", first), daily=daily)


def read(path: str) -> str:
    """The text of a file of this checkout, without what is only here."""
    text, below, _ = (ROOT / path).read_text(encoding="utf-8").partition(ONLY_HERE)
    return text.rstrip("\n") + "\n" if below else text


def entry_pattern(name: str) -> str:
    """The pattern of a key in YAML, with all that is indented below it."""
    return rf"(?m)^( *){name}:.*\n(?:\1 .*\n)*"


def replace(text: str, pattern: str, new: Any) -> str:
    """The text with all that matches the pattern replaced, as by `re.sub`; UserError for none."""
    text, found = re.subn(pattern, new, text)
    if not found:
        raise UserError(f"found no {pattern!r}: was a file of this checkout edited?")
    return text
