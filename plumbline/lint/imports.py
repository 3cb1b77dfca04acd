"""The imports of a script, read from its text; nothing is run."""

import ast
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from plumbline.core.params import normal

# They make packages of two folders, so that Python takes each whole from one place. The first makes
# imports faster; neither changes a result, so no stage declares them.
PACKAGES = {"stages/__init__.py", "plumbline/__init__.py"}

# The folder that has the library's, which may not be the project's own.
INSTALLED = Path(__file__).parents[2]

# Packages that only print, so that no result depends on their version.
UNKEYED = {"tqdm"}


def modules(script: Path) -> Iterator[str]:
    """The full name of each module that the script imports, anywhere in its text."""
    for node in ast.walk(ast.parse(script.read_bytes(), script)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(script.parts[: -node.level]) if node.level else ""
            module = ".".join(filter(None, [package, node.module]))
            yield module
            # `from package import name` may import a module of that name.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def packages(scripts: Iterable[str]) -> set[str]:
    """The packages of other projects whose modules these scripts name."""
    known = packages_distributions()
    names = {module.split(".")[0] for path in scripts for module in modules(Path(path))}
    own = {name for name in names if Path(name).is_dir() or Path(f"{name}.py").is_file()}
    return {normal(name) for module in names - own for name in known.get(module, ())} - UNKEYED


def fields(script: Path) -> set[str]:
    """The fields of the script's `Params`: the keys at the top of params.yaml that it reads."""
    found = ast.parse(script.read_bytes(), script).body
    classes = [node for node in found if isinstance(node, ast.ClassDef) and node.name == "Params"]
    return {
        node.target.id
        for params in classes
        for node in params.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def closure(script: str) -> set[str]:
    """The script and all that it imports of the project and the library, directly or not.

    Paths are relative to the working folder, where Python looks for modules first; those in an
    installed library are absolute.
    """
    installed = [] if Path("plumbline").is_dir() else [INSTALLED]
    found, open_ends = set(), [script]
    while open_ends:
        if (path := open_ends.pop()) not in found:
            found.add(path)
            for module in modules(Path(path)):
                *packages, _ = parts = module.split(".")
                folders = [packages[: i + 1] for i in range(len(packages))]
                candidates = ["/".join(parts) + ".py", "/".join(parts) + "/__init__.py"]
                candidates += ["/".join(folder) + "/__init__.py" for folder in folders]
                candidates = [name for name in candidates if name not in PACKAGES]
                if parts[0] == "plumbline":
                    candidates = [(Path(*installed) / name).as_posix() for name in candidates]
                open_ends += [name for name in candidates if Path(name).is_file()]
    return found
