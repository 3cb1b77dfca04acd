"""How long a person waits for `dvc repro`: this project, its floor, and the tutorials' way.

Usage: python -m benchmarks.repro [RUNS]

The floor (benchmarks/floor/) has six stages with the same data and parameters. Each of them
depends on one script, imports what it cannot do without, and writes a few bytes. The tutorials'
way (benchmarks/tutorial/) does the same computation with torch and pyplot imported in every
script. The three run in turn; each figure is a median, and each ratio a median of ratios.
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
    """A clone of this project with other scripts as its stages, which write the same files."""
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
    (path / "plots").mkdir()
    clone.commit("Other stages")
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


def main(runs: int) -> None:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        clones = {
            "this": make_clone(Path(folder) / "this"),
            "floor": make_other(Path(folder) / "floor", here / "floor"),
            "tutorial": make_other(Path(folder) / "tutorial", here / "tutorial"),
        }
        for clone in clones.values():
            repro(clone)
        print("| dvc repro | this, s | floor, s | tutorials' way, s | this / floor | way / this |")
        print("|---|---|---|---|---|---|")
        for what, prepare in CHANGES.items():
            times: dict[str, list[float]] = {name: [] for name in clones}
            for turn in range(runs):
                for name, clone in clones.items():
                    prepare(clone, turn)
                    times[name].append(repro(clone))
            this, floor, tutorial = times.values()
            over = statistics.median(a / b for a, b in zip(this, floor, strict=True))
            gain = statistics.median(a / b for a, b in zip(tutorial, this, strict=True))
            seconds = " | ".join(f"{statistics.median(t):.2f}" for t in times.values())
            print(f"| {what} | {seconds} | {over:.2f} | {gain:.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
