"""`dvc.yaml` is read as a list of stages."""

from pathlib import Path

import pytest

from plumbline.lint.declared import read

STAGES = """
stages:
  second:
    cmd: python -m stages.second data/a 'data/b c'
    deps: [stages/second.py, plumbline/core, data/a]
    params: [split.seed]
    metrics:
      - data/b c: {cache: false}
  first:
    cmd: python -m stages.first data/a
    deps: [stages/first.py]
    outs: [data/a]
"""


def test_a_stage_comes_after_the_stages_whose_outputs_it_reads(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(STAGES)
    assert list(read(tmp_path)) == ["first", "second"]


def test_a_code_folder_expands_to_its_scripts_and_data_stays_as_listed(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / "plumbline" / "core" / "__pycache__").mkdir(parents=True)
    for name in ("files.py", "note.md", "__pycache__/files.cpython-311.pyc"):
        (tmp_path / "plumbline" / "core" / name).touch()
    second = read(tmp_path)["second"]
    assert second.code == {"stages/second.py", "plumbline/core/files.py"}
    assert second.inputs == {"data/a"}
    assert second.outs == ["data/b c"]
    assert second.cmd[-2:] == ["data/a", "data/b c"]


@pytest.mark.parametrize("text", ["", "stages: 3", "stages: [", "stages: {a: {deps: [b]}}"])
def test_a_file_without_valid_stages_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^dvc\.yaml: wanted the stages of a pipeline"):
        read(tmp_path)
