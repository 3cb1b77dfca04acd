"""Lint the pipeline: every stage does what `dvc.yaml` declares, no more and no less.

Usage: python -m tools.lint
"""

import importlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from plumbline.core.command import run
from plumbline.core.params import PARAMS
from plumbline.pipeline import declared as pipeline
from plumbline.pipeline import imports, sandbox, trace
from plumbline.pipeline.declared import Stage

# What would let a result depend on the clock, the network, the environment or the user, or run
# what a file says.
OUTSIDE = {
    *("time", "datetime", "random", "secrets", "uuid"),
    *("os", "platform", "getpass", "locale", "tempfile", "subprocess", "ctypes"),
    *("socket", "ssl", "http", "urllib", "requests", "httpx"),
    *("pickle", "marshal", "shelve", "dill", "joblib"),
}

# How many processes there are, which says how fast a result comes and not what it is.
MAY_ASK_OUTSIDE = {"plumbline/training/parallel.py"}


def read_params(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """The keys that a stage's `Params` names: a section whole, or some keys of it."""
    for field in msgspec.structs.fields(kind):
        section = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        if section and not field.type.__struct_config__.forbid_unknown_fields:
            yield from read_params(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def differences(what: str, declared: set[str], real: set[str]) -> Iterator[str]:
    yield from (f"{name}: {what}, and not declared" for name in sorted(real - declared))
    yield from (f"{name}: declared, and not {what}" for name in sorted(declared - real))


def text_problems(stage: Stage) -> Iterator[str]:
    """What the texts of the stage's scripts say against what it declares."""
    scripts = imports.closure(f"stages/{stage.name}.py")
    yield from differences("imported", stage.scripts, scripts)
    paths = set(stage.cmd[3:])
    yield from differences("named in cmd", stage.inputs | {*stage.outs}, paths)
    kind = importlib.import_module(f"stages.{stage.name}").Params
    yield from differences("read", set(stage.params), set(read_params(kind)))
    for script in sorted(scripts - MAY_ASK_OUTSIDE):
        for module in sorted({name.split(".")[0] for name in imports.modules(Path(script))}):
            if module in OUTSIDE:
                yield f"{script}: imports {module}, so that its result may depend on more"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run_problems(stage: Stage, made: Path, scratch: Path) -> Iterator[str]:
    """What the stage does when it is run on a copy of the project; `made` gets its outputs."""
    folder, log = scratch / stage.name, scratch / f"{stage.name}.log"
    log.mkdir()
    if absent := [path for path in stage.deps if not sandbox.source(path, made).is_file()]:
        yield from (f"{path}: declared, and there is no such file" for path in absent)
        return
    sandbox.lay_out(stage, made, folder)
    before = files(folder)
    seen = trace.run(stage.cmd, folder, log)
    after = files(folder)
    for path in sorted(path for path in seen.read if not path.is_relative_to(sys.prefix)):
        for base in (folder, Path.cwd()):
            if path.is_relative_to(base):
                name = path.relative_to(base).as_posix()
                if name not in {*stage.deps, *stage.outs, str(PARAMS)} and Path(name).is_file():
                    yield f"{name}: read, and not declared"
    beyond = {str(p) for p in seen.written if p.is_file() and not p.is_relative_to(scratch)}
    changed = {p.relative_to(folder).as_posix() for p in seen.written if p.is_relative_to(folder)}
    if seen.status:
        yield f"failed with what it declares: {seen.last_line}"
    else:
        yield from differences(
            "written", {*stage.outs}, (after - before) | (changed & before) | beyond
        )
    yield from (f"reached the network: {address}" for address in sorted(seen.network))
    for name in after & {*stage.outs}:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, made / name)


def main() -> None:
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch).resolve() / "made"
        made.mkdir()
        for stage in pipeline.read(Path()).values():
            found = dict.fromkeys([*text_problems(stage), *run_problems(stage, made, made.parent)])
            problems += [f"{stage.name}: {problem}" for problem in found]
    if problems:
        sys.exit("\n".join(problems))
    print("every stage does what dvc.yaml declares")


if __name__ == "__main__":
    run(main)
