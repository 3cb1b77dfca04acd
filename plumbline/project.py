"""A project of one's own, made of the files of this checkout: none of them has a second copy."""

import hashlib
import json
import math
import re
from importlib import metadata
from typing import Any

import msgspec

from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.wheel import ROOT, wheel_path

# The project gets these as they are.
SAME = [
    *(
        ".dvc/.gitignore",
        ".dvc/config",
        ".dvc/plots.html",
        ".gitattributes",
        ".gitignore",
        "constraints.txt",
    ),
    *(".github/workflows/comment.yml", "tests/stages/test_model.py"),
]
# The Makefile's targets that only this repository needs.
OURS = r"example|test-quick|test-all|bench|\.venv/ready-bench"

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

```mermaid
flowchart LR
{flow}
```

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
    """What decides a project with this table."""

    path: str  # in the project
    target: str
    features: list[str] | None  # None: all others
    shape: tuple[int, int]  # rows and features
    std: float  # the standard deviation of the target


class Plan(msgspec.Struct, frozen=True):
    """All that decides a project beside this checkout; without a table, it is the exercise."""

    name: str
    model: str
    table: Table | None

    @property
    def has_line(self) -> bool:
        """True if the model is a line in one feature, so that there is a loss landscape."""
        return self.model != "mlp" and (self.table is None or self.table.shape[1] == 1)


class Made(msgspec.Struct, frozen=True):
    """What `new` notes for `update`: what it made, and `digest` of each file as last taken."""

    plan: Plan
    version: str
    files: dict[str, str]


MADE = "vendor/made.json"


def note(made: Made) -> bytes:
    """The content of `MADE`."""
    return msgspec.json.format(msgspec.json.encode(made)) + b"\n"


def digest(content: bytes, version: str) -> str:
    """The SHA-256 of a file; it does not depend on the version of the library."""
    return hashlib.sha256(content.replace(version.encode(), b"")).hexdigest()


def make_repro() -> str:
    """The command that installs the build of PyTorch that this environment has."""
    return "make repro CPU=1" if metadata.version("torch").endswith("+cpu") else "make repro"


def make_texts(plan: Plan, version: str) -> dict[str, str]:
    """The text of each file of the project but its wheel and its table, by its path."""
    unused = "generate" if plan.table else "load"
    scripts = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("stages/*.py")}
    texts = {path: read(path) for path in [*SAME, *sorted(scripts - {f"stages/{unused}.py"})]}
    pipeline = pipeline_of(read("dvc.yaml"), plan)
    return texts | {
        ".dvcignore": read(".dvcignore").replace("plumbline", "stages"),
        ".github/workflows/review.yml": workflow_of(read(".github/workflows/review.yml")),
        "Makefile": makefile_of(read("Makefile")),
        "README.md": readme_of(read("README.md"), pipeline, plan.name),
        "dvc.yaml": pipeline,
        "gate.yaml": gate_of(read("gate.yaml"), plan),
        "params.yaml": params_of(read("params.yaml"), plan),
        "pyproject.toml": settings_of(read("pyproject.toml")),
        "requirements.txt": replace(
            read("requirements.txt"), r"--editable \.", f"./{wheel_path(version)}"
        ),
        "requirements-dev.txt": "".join(
            line
            for line in read("requirements-dev.txt").splitlines(keepends=True)
            if re.match(r"#|-r |mypy|pytest=|ruff", line)
        ),
        "versions.yaml": f'{read("versions.yaml")}plumbline: "{version}"\n',
    }


def pipeline_of(text: str, plan: Plan) -> str:
    """dvc.yaml with the library's version in place of its files, and `load` for a table."""
    if plan.table:
        text = replace(text, r"  generate:\n(    .*\n)+", LOAD.format(table=plan.table.path))
        text = replace(text, r"(?<=\nartifacts:\n  )line(?=:)", "model")
    if not plan.has_line:
        text = replace(text, r" plots/landscape\.png|\n +- plots/landscape\.png: .*", "", 2)
        text = replace(text, r", the repeated trainings and the (landscape|learned line)",
                       " and the repeated trainings", 2)  # fmt: skip
    text = replace(text, r"\n +- plumbline/.*", "", None)
    return re.sub(
        r"(?<=versions\.yaml: \[)[^]]*",
        lambda found: ", ".join(sorted({*found[0].split(", "), "plumbline"})),
        text,
    )


def params_of(text: str, plan: Plan) -> str:
    """params.yaml with what suits the table and its size; the comments stay."""
    values = {"train.model": plan.model}
    if table := plan.table:
        target, features = (
            json.dumps(value, ensure_ascii=False) for value in (table.target, table.features)
        )
        section = LOAD_PARAMS.format(target=target, features=features)
        text = replace(text, r"generate:.*\n(  .*\n)+\n?", lambda _: section)
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


def gate_of(text: str, plan: Plan) -> str:
    """gate.yaml with the rules for what a table has, and tolerances in the unit of its target."""
    if not plan.table:
        return text
    gone = "(weight|bias)_error" if plan.has_line else "(weight|bias)(_error)?"
    text = re.sub(rf"\n  {gone}:.*(\n    .*)*", "", text)
    limit = r"(?<=\n    )limit: \S+ +(?=#)|\n    limit: [^#\n]*(?=\n)|, limit: [^,}]+"
    text = re.sub(limit, "", text)
    step = 10.0 ** round(math.log10(plan.table.std * 1e-4)) if plan.table.std else 0
    text = text.replace("tolerance: 1e-6", f"tolerance: {step:g}")
    return re.sub(r"(?<=\n  test_r2:)((.|\n)*?tolerance: )[^\s}]+", r"\g<1>1e-4", text, count=1)


def makefile_of(text: str) -> str:
    """The Makefile without the targets that only this repository needs."""
    text = replace(text, rf"(#.*\n)*(NAME \?= .*\n\n)?({OURS}):.*\n(\t.*\n)*\n?", "", None)
    text = re.sub(rf"(?<= )({OURS}) ", "", text)
    text = replace(text, r"# (-m|mypy) .*\n", "", 2)
    text = replace(text, r"\t@printf .*\| xargs .*", "\tmypy")
    return _without_marks(text)


def workflow_of(text: str) -> str:
    """The workflow of a review without the job that only this repository needs."""
    return _without_marks(replace(text, r"  all:\n(    .*\n)+\n", ""))


def _without_marks(text: str) -> str:
    return replace(text, r'pytest --numprocesses 2 --dist worksteal -m "not all"', "pytest")


def settings_of(text: str) -> str:
    """pyproject.toml with the settings of the tools alone."""
    text = replace(text, r"\[project\](.*\n)+?(?=\[tool\.ruff\])", "")
    text = replace(text, r'\n"[{]?benchmarks.*|\n# Scripts to compare .*', "", 4)
    return replace(text, r'(?<=files = \[)"plumbline", ', "")


def readme_of(text: str, pipeline: str, name: str) -> str:
    """A README with the pipeline, and with what this one says about every day."""
    stages = declared.parse(ROOT, pipeline).values()
    users = {
        stage.name: [user.name for user in stages if {*stage.outs} & user.inputs]
        for stage in stages
    }
    flow = [f"    {name} --> {' & '.join(found)}" for name, found in users.items() if found]
    daily = replace(text, r"(?s).*\n(## Every day\n.*?)\n(!\[|## Read on).*", r"\1")
    daily = re.sub(r"\[([^]]*)\]\(docs/[^)]*\)", r"\1", daily)
    with_remote = f"{'':41}# with a remote: git fetch; make merge BRANCH=origin/main"
    daily = replace(daily, r"git fetch; (make merge BRANCH=)origin/(main) +(.*)",
                    rf"\1\2               \3\n{with_remote}")  # fmt: skip
    return README.format(name=name, flow="\n".join(flow), daily=daily)


def read(path: str) -> str:
    """The text of a file of this checkout."""
    return (ROOT / path).read_text(encoding="utf-8")


def replace(text: str, pattern: str, new: Any, n: int | None = 1) -> str:
    """The text with the pattern's n matches (None: all) replaced; UserError for another number.

    new: as in `re.sub`.
    """
    text, found = re.subn(pattern, new, text)
    if found != (n or found) or not found:
        raise UserError(f"wanted {pattern!r} in a file of this checkout, which somebody edited")
    return text
