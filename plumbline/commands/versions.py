"""Adopt the installed versions: from now on, results are computed with them.

This writes them into `versions.yaml` and into every file that pins these packages.
"""

import re
from argparse import Namespace
from pathlib import Path

from plumbline.core.files import replacing
from plumbline.core.params import VERSIONS, installed_versions, read_versions
from plumbline.lint import imports

PINS = [Path("requirements.txt"), Path("constraints.txt"), Path("pyproject.toml")]


def main(_: Namespace) -> None:
    stages = [path.as_posix() for path in Path("stages").glob("*.py")]
    listed, found = read_versions(), installed_versions()
    imported = imports.distributions(imports.closure(*stages))
    names = sorted({*listed, *imported} & {*found})
    changes = {name: found[name] for name in names if listed.get(name) != found[name]}
    for name, version in changes.items():
        print(f"{name}: {listed.get(name, 'none')} -> {version}")
    if not changes:
        print(f"{VERSIONS} already has the installed versions")
    for path in [VERSIONS, *PINS]:
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        new = replace_versions(old, changes)
        if path == VERSIONS:
            added = [f'{n}: "{v}"\n' for n, v in changes.items() if n not in listed]
            new = "".join([new.rstrip("\n") + "\n" * bool(new), *added])
        if new != old:
            with replacing(path) as partial:
                partial.write_text(new, encoding="utf-8", newline="\n")


def replace_versions(text: str, versions: dict[str, str]) -> str:
    """The text with each `name: "version"` and `name==version` set to these versions."""
    for name, version in versions.items():
        spelling = re.escape(name).replace(r"\-", "[-_.]")  # PEP 503 treats all three alike
        pattern = rf'(?im)^(\s*"?{spelling}(?:==|:\s*["\']?))[^\s"\'#;]+'
        text = re.sub(pattern, rf"\g<1>{version}", text)
    return text
