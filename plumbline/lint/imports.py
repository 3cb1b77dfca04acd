"""Finds the imports of a script in its text, without running it."""

import ast
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from plumbline.core.params import LIBRARY, installed_versions, normalized_name

# Without these files, Python could merge a package from several folders, and the stages' imports
# would be slower. Neither file changes a result, so no stage declares it.
PACKAGES = {"stages/__init__.py", "plumbline/__init__.py"}

LIBRARY_ROOT = Path(__file__).parents[2]

providers = cache(packages_distributions)

# These distributions only print. No result depends on their versions; versions.yaml omits them.
ONLY_PRINT = {"tqdm"}


def modules(script: Path) -> frozenset[str]:
    """The full name of each module that the script imports, anywhere in its text."""
    return _modules(script, script.read_bytes())


@cache
def _modules(script: Path, text: bytes) -> frozenset[str]:
    found = set()
    for node in ast.walk(ast.parse(text, script)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(script.parts[: -node.level]) if node.level else ""
            module = ".".join(filter(None, [package, node.module]))
            # `from package import name` may import a module of that name.
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def closure(*scripts: str) -> dict[str, frozenset[str]]:
    """Maps each script, and each script it imports at any depth, to the modules that it imports.

    The keys are scripts of the project or the library. Paths are relative to the working folder,
    where Python looks for modules first. Those of a library installed elsewhere are absolute.
    """
    found, open_ends = dict[str, frozenset[str]](), [*scripts]
    while open_ends:
        if (path := open_ends.pop()) not in found:
            found[path] = modules(Path(path))
            for module in found[path]:
                parts = module.split(".")
                folders = ["/".join(parts[: i + 1]) for i in range(len(parts))]
                candidates = {f"{folders[-1]}.py", *(f"{f}/__init__.py" for f in folders)}
                is_installed = parts[0] == LIBRARY and not Path(LIBRARY).is_dir()
                root = LIBRARY_ROOT if is_installed else Path()
                files = [root / name for name in candidates - PACKAGES]
                open_ends += [file.as_posix() for file in files if file.is_file()]
    return found


def distributions(scripts: dict[str, frozenset[str]]) -> set[str]:
    """The names, as in versions.yaml, of the distributions that the scripts import; see `closure`.

    Modules of the project and of Python belong to no distribution. A module that no distribution
    lists, as in an editable install, counts as a distribution of the same name.
    """
    names = {module.split(".")[0] for found in scripts.values() for module in found}
    names = {n for n in names if not [*Path().glob(f"{n}.py"), *Path().glob(f"{n}/*.py")]}
    found = {normalized_name(theirs) for name in names for theirs in providers().get(name, [name])}
    return found & installed_versions().keys() - ONLY_PRINT


def fields(script: Path) -> set[str]:
    """The fields of the script's `Params`: the top-level keys that it reads from params.yaml."""
    found = ast.parse(script.read_bytes(), script).body
    classes = [node for node in found if isinstance(node, ast.ClassDef) and node.name == "Params"]
    return {
        node.target.id
        for params in classes
        for node in params.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
