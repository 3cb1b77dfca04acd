"""`versions` writes the installed versions into the project's files and changes nothing else."""

from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from plumbline.commands import versions
from plumbline.core.params import installed_versions

STAGE = "import tqdm, sys, torch\nfrom plumbline.pictures import draw"


def test_the_installed_version_of_each_imported_package_replaces_the_listed_one_or_is_added(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = installed_versions()
    Path("stages").mkdir()
    Path("stages/own.py").write_text(STAGE)
    texts = {
        "versions.yaml": '# A comment.\ntorch: "{torch}"  # why\nnot-here: "1"\n',
        "requirements.txt": "-c constraints.txt\ntorch=={torch}\nnumpy==1\n",
        "constraints.txt": "torch=={torch}  # why\ntypes-torch==1\n",
    }
    for name, text in texts.items():
        Path(name).write_text(text.format(torch="2.0"))
    versions.main(Namespace())
    assert f"torch: 2.0 -> {now['torch']}\nwrote versions.yaml\n" in capsys.readouterr().out
    new = {name: Path(name).read_text() for name in texts}
    assert new["requirements.txt"] == (
        f"-c constraints.txt\ntorch=={now['torch']}\nnumpy=={now['numpy']}\n"
    )
    assert new["constraints.txt"] == texts["constraints.txt"].format(**now)
    assert new["versions.yaml"].startswith(texts["versions.yaml"].format(**now))
    names = ("torch", "matplotlib", "msgspec", "numpy", "plumbline", "pyyaml", "safetensors")
    assert yaml.safe_load(new["versions.yaml"]) == {"not-here": "1"} | {n: now[n] for n in names}
    versions.main(Namespace())
    assert capsys.readouterr().out == "versions.yaml already has the installed versions\n"
