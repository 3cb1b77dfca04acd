"""Finds the differences between what a stage declares in `dvc.yaml` and what it does.

An audit hook logs the files that Python opens, but not those that native code opens. So the stage
runs in a copy with only its declared files, where native code fails to open any other file.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.util import source_from_cache
from inspect import signature
from pathlib import Path
from typing import Any

import msgspec
import yaml

from plumbline.core.command import is_output
from plumbline.core.files import parse_yaml
from plumbline.core.params import PARAMS, VERSIONS, read_versions
from plumbline.lint import hook, imports
from plumbline.lint.declared import Stage, scripts

# The modules in the first three lines can make a result depend on the clock, chance, the
# environment, the user or the network. With those in the last line, loading a file can run code.
OUTSIDE = {
    *("time", "datetime", "random", "secrets", "uuid"),
    *("os", "platform", "getpass", "locale", "tempfile", "subprocess", "ctypes"),
    *("socket", "ssl", "http", "urllib", "requests", "httpx"),
    *("pickle", "marshal", "shelve", "dill", "joblib"),
}

# These scripts count threads and processes, or end the process. Neither affects a result.
MAY_ASK_OUTSIDE = {
    "plumbline/core/command.py",
    "plumbline/core/threads.py",
    "plumbline/training/world.py",
}

# DVC's run cache ignores keys with these names, so a new value would restore the old results.
NO_KEYS = {"size", "nfiles"}


def project_problems(stages: Iterable[Stage]) -> Iterator[str]:
    """The keys of params.yaml and versions.yaml that are unused, missing, or ignored by DVC.

    A script in stages/ counts as a stage even if dvc.yaml does not list it.
    """
    own = [path.as_posix() for path in Path("stages").glob("*.py")]
    read = {key.split(".")[0] for stage in stages for key in stage.params}
    read |= {key for path in own for key in imports.fields(Path(path))}
    params = parse_yaml(PARAMS.read_bytes(), PARAMS)
    yield from (f"{PARAMS}: {key}: no stage declares it" for key in sorted(params.keys() - read))
    for key in sorted(NO_KEYS & {*_keys(params)}):
        yield f"{PARAMS}: {key}: wanted a different name, since DVC ignores changes of this key"
    listed, real = read_versions().keys(), imports.distributions(imports.closure(*own))
    yield from (f"{VERSIONS}: {name}: no stage imports it" for name in sorted(listed - real))
    if lacking := sorted(real - listed):
        yield f"{VERSIONS}: lacks {', '.join(lacking)}; type: python -m plumbline versions"


def static_problems(stage: Stage) -> Iterator[str]:
    """The differences found in the text of the stage's scripts, and corrected entries to paste."""
    script = f"stages/{stage.name}.py"
    if stage.cmd[:3] != ["python", "-m", f"stages.{stage.name}"] or not Path(script).is_file():
        yield f"wanted the command `python -m stages.{stage.name} ...` and {script}"
        return
    module = importlib.import_module(f"stages.{stage.name}")
    code = imports.closure(script)
    own = {path for path in code if not Path(path).is_absolute()}
    if missing := [name for name in ("Params", "main") if not hasattr(module, name)]:
        yield f"{script}: wanted Params and main, got no {' and no '.join(missing)}"
        return
    _, *roles = signature(module.main).parameters.values()
    written = {path for path, role in zip(stage.cmd[3:], roles, strict=False) if is_output(role)}
    real = stage._replace(
        code=own,
        inputs={*stage.cmd[3:]} - written,
        params=[*_read_params(module.Params)],
        versions=sorted(imports.distributions(code)),
    )
    found = [
        *_differences("imported", stage.code, real.code),
        *_differences("read by cmd", stage.inputs, real.inputs),
        *_differences("read", {*stage.params}, {*real.params}),
        *(f"{VERSIONS}: {line}" for line in
          _differences("imported", {*stage.versions}, {*real.versions})),
    ]  # fmt: skip
    yield from found
    if found:
        yield "wanted in dvc.yaml:\n" + "\n".join(_entries(real))
    yield from _differences("written by cmd", {*stage.outs}, written)
    for path in sorted(own - MAY_ASK_OUTSIDE):
        for name in sorted({name.split(".")[0] for name in code[path]} & OUTSIDE):
            yield f"{path}: imports {name}, so its result may depend on more than its inputs"


def run_problems(stage: Stage, made: Path, scratch: Path) -> Iterator[str]:
    """The differences found by running the stage in an isolated copy of what it declares.

    made: folder with the earlier stages' outputs; this stage's are added. scratch: for the copy.
    """
    folder, log, root = scratch / stage.name, scratch / f"{stage.name}.log", Path.cwd()
    declared = stage.code | stage.inputs
    sources = {path: made / path if (made / path).is_file() else root / path for path in declared}
    if absent := sorted(path for path, source in sources.items() if not source.is_file()):
        yield from (f"{path}: declared, but no such file exists" for path in absent)
        return
    _copy_declared(stage, sources, folder)
    before = _files(folder)
    failed, read, written, calls = _run_watched(stage.cmd, folder, log)
    after = _files(folder)
    # Python's own environment, such as .venv, may be a folder of the project.
    for path in sorted(path for path in read if not path.is_relative_to(sys.prefix)):
        for name in [path.relative_to(at) for at in (folder, root) if path.is_relative_to(at)]:
            if name.suffix == ".pyc":  # Python opens the bytecode of a script first
                name = Path(source_from_cache(str(name)))
            if name.as_posix() not in {*before, *stage.outs} and name.is_file():
                yield f"{name.as_posix()}: read, but not declared"
    beyond = {str(p) for p in written if p.is_file() and not p.is_relative_to(scratch)}
    changed = {p.relative_to(folder).as_posix() for p in written if p.is_relative_to(folder)}
    if failed:
        yield f"failed on its declared inputs: {failed}"
    else:
        real = (after - before) | (changed & before) | beyond
        yield from _differences("written", {*stage.outs}, real)
    yield from (f"used the network: {call}" for call in sorted(calls))
    for out in after & {*stage.outs}:
        (made / out).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / out, made / out)


def _copy_declared(stage: Stage, sources: dict[str, Path], folder: Path) -> None:
    """Copies what the stage declares into `folder`, and makes the folders for its outputs."""
    sources = {**{path: Path(path) for path in imports.PACKAGES if Path(path).is_file()}, **sources}
    for path in (*sources, *stage.outs):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    for path, source in sources.items():
        shutil.copyfile(source, folder / path)
    params = _select_params(parse_yaml(PARAMS.read_bytes(), PARAMS), stage.params)
    versions = _select_params(read_versions(), stage.versions)
    for file, part in ((PARAMS, params), (VERSIONS, versions)):
        (folder / file).write_text(yaml.safe_dump(part), encoding="utf-8")


def _run_watched(
    command: list[str], folder: Path, log: Path
) -> tuple[str, set[Path], set[Path], set[str]]:
    """Runs the command in the folder under the audit hook.

    Result: the last line of its standard error if it failed, or ""; the paths that it tried to
    read; the paths that it tried to write; its network calls.
    """
    log.mkdir()
    shutil.copy(hook.__file__, log / "sitecustomize.py")
    environment = {
        **os.environ,
        "PYTHONPATH": str(log),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUDIT": str(log / "audit"),
    }
    # The command is from the project's own dvc.yaml.
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, check=False
    )
    lines = done.stderr.decode(errors="replace").splitlines() or [f"status {done.returncode}"]
    read, written, calls = set[Path](), set[Path](), set[str]()
    for line in (log / "audit").read_text(encoding="utf-8").splitlines():
        event, first, *rest = json.loads(line)
        if event == "open":
            writes = int(rest[-1]) & (os.O_WRONLY | os.O_RDWR)
            (written if writes else read).add(Path(os.path.normpath(folder / first)))
        else:
            calls.add(f"{event} {' '.join(rest)}")
    return lines[-1] if done.returncode else "", read, written, calls


def _differences(what: str, declared: set[str], real: set[str]) -> Iterator[str]:
    """A line for each name that is in only one of the two sets."""
    yield from (f"{name}: {what}, but not declared" for name in sorted(real - declared))
    yield from (f"{name}: declared, but not {what}" for name in sorted(declared - real))


def _read_params(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """The keys that a stage's `Params` reads: whole sections, or keys such as `section.name`."""
    for field in msgspec.structs.fields(kind):
        section = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        if section and not field.type.__struct_config__.forbid_unknown_fields:
            yield from _read_params(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def _entries(stage: Stage) -> Iterator[str]:
    """The lines in dvc.yaml for what a stage reads; one for a library folder it imports fully."""
    folders = {path.rpartition("/")[0] for path in stage.code if path.startswith("plumbline/")}
    whole = {f for f in folders if scripts(Path(), f) <= stage.code}
    code = whole | {path for path in stage.code if path.rpartition("/")[0] not in whole}
    own = f"stages/{stage.name}.py"
    order = sorted(code, key=lambda path: (path != own, not path.startswith("stages/"), path))
    yield from ["  deps:", *(f"    - {path}" for path in [*order, *sorted(stage.inputs)])]
    keys = [*stage.params, f"{{{VERSIONS}: [{', '.join(stage.versions)}]}}"]
    yield f"  params: [{', '.join(keys)}]"


def _keys(value: Any) -> Iterator[str]:
    """The keys of a mapping and of all mappings inside it."""
    if isinstance(value, dict):
        yield from map(str, value)
        for inner in value.values():
            yield from _keys(inner)


def _select_params(params: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """Only the parameters that `keys` name; a key is `section` or `section.name`."""
    part: dict[str, Any] = {}
    for key in keys:
        section, _, name = key.partition(".")
        inner = params.get(section)
        if section in params and not name:
            part[section] = inner
        elif isinstance(inner, dict) and name in inner:
            part.setdefault(section, {})[name] = inner[name]
    return part


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
