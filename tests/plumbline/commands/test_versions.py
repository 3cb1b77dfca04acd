"""The versions that are installed become the project's, and nothing else in its files changes."""

from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from plumbline.commands import versions
from plumbline.core.params import installed


def test_each_version_that_is_installed_replaces_the_listed_one_or_is_added(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = installed()
    Path("stages").mkdir()
    Path("stages/own.py").write_text("import yaml, tqdm, sys, plumbline\nfrom numpy import array")
    texts = {
        "versions.yaml": '# A comment.\ntorch: "{torch}"  # why\nnot-here: "1"\n',
        "requirements.txt": "-c constraints.txt\ntorch=={torch}\nnumpy==1\n",
        "constraints.txt": "torch=={torch}  # why\ntypes-torch==1\n",
    }
    for name, text in texts.items():
        Path(name).write_text(text.format(torch="2.0"))
    versions.main(Namespace())
    new = {name: text.format(**now) for name, text in texts.items()}
    new["requirements.txt"] = new["requirements.txt"].replace("numpy==1", f"numpy=={now['numpy']}")
    own = "".join(f'{name}: "{now[name]}"\n' for name in ("numpy", "plumbline", "pyyaml"))
    new["versions.yaml"] += own
    assert {name: Path(name).read_text() for name in texts} == new
    assert f"torch: 2.0 -> {now['torch']}\nwrote versions.yaml\n" in capsys.readouterr().out
    versions.main(Namespace())
    assert capsys.readouterr().out == "versions.yaml has the versions that are installed\n"
    assert {name: Path(name).read_text() for name in texts} == new


def test_what_a_stage_imports_through_an_installed_library_is_added_too(folder: Path) -> None:
    Path("stages").mkdir()
    Path("stages/own.py").write_text("from plumbline.pictures import draw")
    versions.main(Namespace())
    names = ("matplotlib", "msgspec", "numpy", "plumbline", "pyyaml", "safetensors")
    assert yaml.safe_load(Path("versions.yaml").read_text()) == {n: installed()[n] for n in names}
