"""Makes the files of a new project, most of them from this checkout's own files."""

import hashlib
import json
import math
import re
from importlib import metadata
from typing import Any

import msgspec

from plumbline.core.errors import UserError
from plumbline.wheel import ROOT, wheel_path

# A new project's copy of a file ends before this line.
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
  features: {features:<11} # the columns to predict it from, as an ordered list; null: all others
"""
README = """\
# {name}

A PyTorch model, trained by a [DVC](https://dvc.org) pipeline that Plumbline made.

    make repro      # set up .venv and run the pipeline; on Linux without a GPU: make repro CPU=1
    make test       # check the code and run the tests

## The pipeline

{flow}

`dvc.yaml` lists what each stage imports, reads and writes. `params.yaml` explains each setting.
`stages/` is yours to edit: a script for each stage, the models, the losses and the training loop.
The library is the wheel in `vendor/`.

## Using the model

`make predict TABLE=new.csv` writes `new.predictions.csv`. In a notebook in this folder, `table` may
be a data frame or a dictionary of columns:

```python
from plumbline.predictor import Predictor
from stages.model import MODELS

predicted = Predictor("models/model.safetensors", MODELS).predict(table)
```

{daily}
## A later version of the library

Commit all your changes. In a later checkout of Plumbline, run `make repro`, and then
`.venv/bin/python -m plumbline update` with the path of this folder. It replaces the wheel, and
lists the files that Plumbline now makes differently. Then run `make repro` here to rerun the stages
that depend on the library. `git diff` shows whether a result changed.
"""

# A table of more numbers than this gets six repeats, the fewest for a verdict: 20 take minutes.
LARGE = 2_000_000


class Table(msgspec.Struct, frozen=True):
    """The properties of a table on which the files of a new project depend."""

    path: str  # relative to the project
    target: str
    features: list[str] | None  # None: all other columns
    shape: tuple[int, int]  # (rows, features)
    std: float  # the standard deviation of the target


class Plan(msgspec.Struct, frozen=True):
    """The user's choices for a new project; without a table, it generates the straight line."""

    name: str
    model: str
    table: Table | None

    @property
    def has_line(self) -> bool:
        """True if the model is a line in one feature, whose loss landscape can be drawn."""
        return self.model != "mlp" and (self.table is None or self.table.shape[1] == 1)


class Record(msgspec.Struct, frozen=True):
    """The record of a new project, which `update` reads."""

    plan: Plan
    version: str
    files: dict[str, str]  # path: digest of the last version made by `new` that the user has merged


RECORD = "vendor/made.json"


def encode(made: Record) -> bytes:
    """The content of the file `RECORD` for this record."""
    return msgspec.json.format(msgspec.json.encode(made)) + b"\n"


def digest(content: bytes, version: str) -> str:
    """SHA-256 of a file's content from which the library's version is removed."""
    return hashlib.sha256(content.replace(version.encode(), b"")).hexdigest()


def repro_command() -> str:
    """The command that installs the same build of PyTorch, CPU or default, as is installed here."""
    return "make repro CPU=1" if metadata.version("torch").endswith("+cpu") else "make repro"


def make_texts(plan: Plan, version: str) -> dict[str, str]:
    """The text of each file of a new project, by path, except its wheel, table and record."""
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
    """dvc.yaml with the library's version in place of its files, and `load` if there is a table."""
    text = replace(read("dvc.yaml"), r"\n +- plumbline/.*", "")
    if plan.table:
        text = replace(text, entry_pattern("generate"), LOAD.format(table=plan.table.path))
    if not plan.has_line:
        text = replace(text, r"\n.*plots/landscape\.png.*", "")
    return replace(text, r"(versions\.yaml: \[.*?)(, py)", r"\1, plumbline\2")


def params(plan: Plan) -> str:
    """params.yaml with values that suit the table and its size; its comments are kept."""
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
    """params.yaml with this value of a key such as `train.lr`; comments stay in their columns."""
    section, name = key.split(".")

    def changed(found: re.Match[str]) -> str:
        return f"{found[1]}{value:<{len(found[2])}}"

    return replace(text, rf"(\n{section}:.*\n(?:  .*\n)*?  {name}: )(\S+ *)(?= #|\n)", changed)


def gate(plan: Plan) -> str:
    """gate.yaml with only the rules that apply, and with tolerances in the unit of the target."""
    if not plan.table:
        return read("gate.yaml")
    unknown = "(?:weight|bias)_error" if plan.has_line else "(?:weight|bias)(?:_error)?"
    text = re.sub(entry_pattern(unknown), "", read("gate.yaml"))
    text = re.sub(r"\n    limit: .*", "", text)
    step = 10.0 ** round(math.log10(plan.table.std * 1e-4)) if plan.table.std else 0
    text = text.replace("tolerance: 1e-6", f"tolerance: {step:g}")
    return re.sub(r"(?s)(  test_r2:.*?tolerance: )[^\s}]+", r"\g<1>1e-4", text, count=1)


def readme(plan: Plan) -> str:
    """The project's README; its pipeline and daily commands are from this checkout's README."""
    text = read("README.md")
    _, start, rest = text.partition("```mermaid\n")
    flow = start + rest.partition("\n```")[0] + "\n```"
    _, start, rest = text.partition("## Every day\n")
    daily = re.sub(r"\[([^]]*)\]\(docs/[^)]*\)", r"\1", start + rest.partition("\n![")[0])
    first = "load" if plan.table else "generate"
    return README.format(name=plan.name, flow=flow.replace("generate", first), daily=daily)


def read(path: str) -> str:
    """The text of a file of this checkout, up to the line `ONLY_HERE`."""
    text, below, _ = (ROOT / path).read_text(encoding="utf-8").partition(ONLY_HERE)
    return text.rstrip("\n") + "\n" if below else text


def entry_pattern(name: str) -> str:
    """A pattern that matches a key in YAML and all that is indented below it."""
    return rf"(?m)^( *){name}:.*\n(?:\1 .*\n)*"


def replace(text: str, pattern: str, new: Any) -> str:
    """The text in which `re.sub` replaced each match of the pattern; UserError for no match."""
    text, found = re.subn(pattern, new, text)
    if not found:
        raise UserError(f"found no match of {pattern!r}: was a file of this checkout edited?")
    return text
