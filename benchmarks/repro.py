"""Measures `dvc repro` in this project and in two others: the floor, and the tutorials' way.

Usage: python -m benchmarks.repro [RUNS]

The floor (benchmarks/floor/) has the same stages and parameters. Each of its stages is one script,
which only imports its packages and writes a few bytes. The tutorials' way (benchmarks/tutorial/)
does this project's computation, and imports torch and pyplot in every script. The second table
leaves out the stage validate, because the floor does not run its 20 trainings. It also leaves out
the packages' versions, which are parameters of the stages. The projects run in turn. Each time is a
median, and each ratio is a median of ratios.
"""

import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.measuring import measure
from plumbline.lint import declared
from tests.support.clone import Clone, make_clone


def make_other(path: Path, scripts: Path) -> Clone:
    """A clone of this project whose stages run the scripts in the folder `scripts`."""
    clone = make_clone(path)
    text = (path / "dvc.yaml").read_text(encoding="utf-8").replace(".safetensors", ".pt")
    (path / "dvc.yaml").write_text(text, encoding="utf-8")
    content = yaml.safe_load(text)
    for name, stage in declared.read(path).items():
        command = shlex.join(["python", "-m", f"stages.{name}", *stage.outs])
        deps = [f"stages/{name}.py", *sorted(stage.inputs)]
        content["stages"][name] |= {"deps": deps, "cmd": command}
        shutil.copy(scripts / f"{name}.py", path / "stages")
    (path / "dvc.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (path / "stages" / "__init__.py").write_text("")  # without the original's faster imports
    (path / "plots").mkdir()
    clone.commit("Other stages")
    return clone


def leave_out_validate(clone: Clone) -> Clone:
    """Removes the stage validate, but keeps its output; removes the versions from all params."""
    content = yaml.safe_load((clone.path / "dvc.yaml").read_text(encoding="utf-8"))
    del content["stages"]["validate"]
    for stage in content["stages"].values():
        stage["params"] = [key for key in stage["params"] if isinstance(key, str)]
    (clone.path / "dvc.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return clone


def repro(clone: Clone) -> float:
    """Seconds of one `dvc repro`."""
    return measure(["dvc", "repro", "--quiet"], clone)[0]


def remove_results(clone: Clone, _: int) -> None:
    for folder in (".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(clone.path / folder, ignore_errors=True)
    outs = [path for stage in declared.read(clone.path).values() for path in stage.outs]
    for path in ["dvc.lock", *outs]:
        (clone.path / path).unlink(missing_ok=True)


def change_lr(clone: Clone, turn: int) -> None:
    clone.set_params({"train.lr": 0.011 + turn / 1e4})


def change_nothing(_: Clone, __: int) -> None:
    pass


CHANGES: dict[str, Callable[[Clone, int], None]] = {
    "a clean run": remove_results,
    "lr changed": change_lr,
    "nothing to do": change_nothing,
}


def ratio(times: dict[str, list[float]], one: str, other: str) -> str:
    return f"{statistics.median(a / b for a, b in zip(times[one], times[other], strict=True)):.2f}"


def main(runs: int) -> None:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        clones = {
            "this": make_clone(Path(folder) / "this"),
            "floor": make_other(Path(folder) / "floor", here / "floor"),
            "way": make_other(Path(folder) / "way", here / "tutorial"),
            "six": make_clone(Path(folder) / "six"),
            "six floor": make_other(Path(folder) / "six-floor", here / "floor"),
        }
        for clone in clones.values():
            repro(clone)
        for name in ("six", "six floor"):
            repro(leave_out_validate(clones[name]))
        times: dict[str, dict[str, list[float]]] = {what: {} for what in CHANGES}
        for what, prepare in CHANGES.items():
            for turn in range(runs):
                for name, clone in clones.items():
                    prepare(clone, turn)
                    times[what].setdefault(name, []).append(repro(clone))
    for header, names, ratios in (
        ("| this, s | floor, s | tutorials' way, s | this / floor | way / this |",
         ("this", "floor", "way"), (("this", "floor"), ("way", "this"))),
        ("| six stages, s | their floor, s | six / floor | this / six |",
         ("six", "six floor"), (("six", "six floor"), ("this", "six"))),
    ):  # fmt: skip
        print(f"| dvc repro {header}\n{'|---' * header.count('|')}|")
        for what, found in times.items():
            cells = [f"{statistics.median(found[name]):.2f}" for name in names]
            cells += [ratio(found, *pair) for pair in ratios]
            print(f"| {what} | {' | '.join(cells)} |")
        print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
