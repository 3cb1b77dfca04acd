"""The differences between what a stage declares in `dvc.yaml` and what it does."""

import importlib
import shutil
import sys
from collections.abc import Iterable, Iterator
from inspect import signature
from pathlib import Path

import msgspec

from plumbline.core.command import is_output
from plumbline.core.files import parse_yaml
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.lint import imports, sandbox, trace
from plumbline.lint.declared import Stage

# With these, a result could depend on the clock, the network, the environment or the user, or
# what a file says could be run.
OUTSIDE = {
    *("time", "datetime", "random", "secrets", "uuid"),
    *("os", "platform", "getpass", "locale", "tempfile", "subprocess", "ctypes"),
    *("socket", "ssl", "http", "urllib", "requests", "httpx"),
    *("pickle", "marshal", "shelve", "dill", "joblib"),
}

# The environment tells them how many threads and processes there are, which changes no result.
MAY_ASK_OUTSIDE = {
    "plumbline/core/threads.py",
    "plumbline/training/world.py",
}


def read_params(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """The keys that a stage's `Params` reads: a section whole, or some keys of it."""
    for field in msgspec.structs.fields(kind):
        section = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        if section and not field.type.__struct_config__.forbid_unknown_fields:
            yield from read_params(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def differences(what: str, declared: set[str], real: set[str]) -> Iterator[str]:
    """A line for each name that is in only one of the two sets."""
    yield from (f"{name}: {what}, and not declared" for name in sorted(real - declared))
    yield from (f"{name}: declared, and not {what}" for name in sorted(declared - real))


def unread_params(stages: Iterable[Stage]) -> Iterator[str]:
    """The keys at the top of params.yaml that no stage reads, such as a misspelt section.

    A stage may be one that is run by hand, so that dvc.yaml does not have it.
    """
    declared = {key.split(".")[0] for stage in stages for key in stage.params}
    by_hand = {key for script in Path("stages").glob("*.py") for key in imports.fields(script)}
    unread = parse_yaml(PARAMS.read_bytes(), PARAMS).keys() - declared - by_hand
    yield from (f"{PARAMS}: {key}: no stage declares it" for key in sorted(unread))


def static_problems(stage: Stage) -> Iterator[str]:
    """The differences that the text of the stage's scripts shows."""
    script = f"stages/{stage.name}.py"
    if stage.cmd[:3] != ["python", "-m", f"stages.{stage.name}"] or not Path(script).is_file():
        yield f"wanted the command `python -m stages.{stage.name} ...` and {script}"
        return
    scripts = imports.closure(script)
    own = {path for path in scripts if not Path(path).is_absolute()}
    yield from differences("imported", stage.code, own)
    yield from (
        f"{VERSIONS}: {line}"
        for line in differences("imported", {*stage.versions}, imports.packages(scripts))
    )
    module = importlib.import_module(f"stages.{stage.name}")
    if missing := [name for name in ("Params", "main") if not hasattr(module, name)]:
        yield f"{script}: wanted Params and main, got no {' and no '.join(missing)}"
        return
    yield from differences("read", set(stage.params), set(read_params(module.Params)))
    _, *roles = signature(module.main).parameters.values()
    written = {path for path, role in zip(stage.cmd[3:], roles, strict=False) if is_output(role)}
    yield from differences("read by cmd", stage.inputs, {*stage.cmd[3:]} - written)
    yield from differences("written by cmd", {*stage.outs}, written)
    for script in sorted(own - MAY_ASK_OUTSIDE):
        for name in sorted({name.split(".")[0] for name in imports.modules(Path(script))}):
            if name in OUTSIDE:
                yield f"{script}: imports {name}, so that its result may depend on more"


def run_problems(stage: Stage, made: Path, scratch: Path) -> Iterator[str]:
    """The differences that a run in an isolated copy shows; `made` gets the outputs."""
    folder, log = scratch / stage.name, scratch / f"{stage.name}.log"
    log.mkdir()
    declared = stage.code | stage.inputs
    known = declared | {str(PARAMS), str(VERSIONS)}
    if absent := sorted(path for path in declared if not sandbox.source(path, made).is_file()):
        yield from (f"{path}: declared, and there is no such file" for path in absent)
        return
    sandbox.lay_out(stage, made, folder)
    before = _files(folder)
    seen = trace.run(stage.cmd, folder, log)
    after = _files(folder)
    # The environment that Python runs in may be a folder of the project.
    for path in sorted(path for path in seen.read if not path.is_relative_to(sys.prefix)):
        for base in (folder, Path.cwd()):
            if path.is_relative_to(base):
                name = path.relative_to(base).as_posix()
                if name not in {*known, *stage.outs, *imports.PACKAGES} and Path(name).is_file():
                    yield f"{name}: read, and not declared"
    beyond = {str(p) for p in seen.written if p.is_file() and not p.is_relative_to(scratch)}
    changed = {p.relative_to(folder).as_posix() for p in seen.written if p.is_relative_to(folder)}
    if seen.status:
        yield f"failed with what it declares: {seen.last_line}"
    else:
        real = (after - before) | (changed & before) | beyond
        yield from differences("written", {*stage.outs}, real)
    yield from (f"reached the network: {address}" for address in sorted(seen.network))
    for name in after & {*stage.outs}:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, made / name)


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
