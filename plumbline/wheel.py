"""Builds a wheel of this checkout's library, which a new project contains."""

import base64
import hashlib
import io
import json
import tomllib
import zipfile
from pathlib import Path

from plumbline.core.errors import UserError

ROOT = Path(__file__).parents[1]


def wheel_path(version: str) -> str:
    """The wheel's path in a project."""
    return f"vendor/plumbline-{version}-py3-none-any.whl"


def build_wheel() -> tuple[str, bytes]:
    """The version with a hash of the library, such as `1.1.0+h3f9c2a1`, and the wheel's bytes.

    Both depend only on the library and its metadata: nothing is compressed, and no time is stored.
    """
    if not (ROOT / "pyproject.toml").is_file():
        raise UserError("wanted a checkout of Plumbline to run in, got only its library")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    paths = [*ROOT.glob("plumbline/**/*.py"), ROOT / "plumbline" / "py.typed"]
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted(paths)}
    needs = [f"Requires-Python: {project['requires-python']}"]
    needs += [f"Requires-Dist: {package}" for package in project["dependencies"]]
    hashes = [(name, _sha256(text).hex()) for name, text in files.items()]
    hashed = json.dumps([needs, project["scripts"], hashes])
    version = f"{project['version']}+h{_sha256(hashed.encode()).hex()[:7]}"
    info = f"plumbline-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", "Name: plumbline", f"Version: {version}", *needs, ""]
    commands = [f"{name} = {function}" for name, function in project["scripts"].items()]
    files |= {
        f"{info}/METADATA": "\n".join(metadata).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "\n".join(["[console_scripts]", *commands, ""]).encode(),
    }
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(_sha256(text)).decode().rstrip('=')},{len(text)}"
        for name, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # Unix, on Windows too
            wheel.writestr(entry, text)
    return version, buffer.getvalue()


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
