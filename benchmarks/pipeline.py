"""How long a person waits for `dvc repro`: this project, its floor, and the tutorials' way.

Usage: python -m benchmarks.pipeline [RUNS]

The floor has six stages joined by the same data and parameters, of which each depends on one
script, imports what no stage of its kind can do without, and writes a few bytes. The tutorials'
way is the same computation with torch and pyplot imported in every script and torch.save between.
All three run in turn; each figure is a median, and each ratio the median of the runs' own.
"""

import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.project import change, commit, copy, run
from plumbline.pipeline.declared import read

FLOOR = {
    "generate": "import torch",
    "split": "import numpy",
    "train": "import torch; torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)",
    "evaluate": "import numpy",
    "plot": "import numpy, matplotlib.figure",
    "verify": "import torch",
}
WRITE = """
import sys, time, pathlib
for path in sys.argv[1:]:
    pathlib.Path(path).write_text(str(time.time_ns()))
"""

TUTORIAL = {
    "generate": """
X = torch.arange(p["generate"]["start"], p["generate"]["end"], p["generate"]["step"]).unsqueeze(1)
torch.save((X, p["generate"]["weight"] * X + p["generate"]["bias"]), OUT[0])
""",
    "split": """
X, y = torch.load("data/line.pt")
n = int(p["split"]["train_fraction"] * len(X))
torch.save((X[:n], y[:n]), OUT[0])
torch.save((X[n:], y[n:]), OUT[1])
""",
    "train": """
X, y = torch.load("data/train.pt")
X_test, y_test = torch.load("data/test.pt")
torch.manual_seed(p["train"]["seed"])
model = torch.nn.Linear(1, 1)
criterion = torch.nn.L1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=p["train"]["lr"])
rows = ["epoch,train_loss,test_loss,weight,bias"]
for epoch in range(p["train"]["epochs"]):
    model.train()
    loss = criterion(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.inference_mode():
        test_loss = criterion(model(X_test), y_test)
    if epoch % 20 == 0:
        rows.append(f"{epoch},{loss},{test_loss},{model.weight.item()},{model.bias.item()}")
torch.save(model.state_dict(), OUT[0])
open(OUT[1], "w").write("\\n".join(rows))
with torch.inference_mode():
    torch.save((model(X), model(X_test)), OUT[2])
""",
    "evaluate": """
import json
y = torch.load("data/test.pt")[1]
predicted = torch.load("models/predictions.pt")[1]
json.dump({"test_mae": (predicted - y).abs().mean().item()}, open(OUT[0], "w"))
""",
    "plot": """
X, y = torch.load("data/train.pt")
X_test, y_test = torch.load("data/test.pt")
predicted = torch.load("models/predictions.pt")[1]
for path in OUT:
    plt.figure(figsize=(8, 5))
    plt.scatter(X, y, s=4, label="training data")
    plt.scatter(X_test, y_test, s=4, label="testing data")
    plt.scatter(X_test, predicted, s=4, label="predictions")
    plt.legend()
    plt.savefig(path)
""",
    "verify": """
model = torch.nn.Linear(1, 1)
model.load_state_dict(torch.load("models/model.pt"))
X = torch.load("data/test.pt")[0]
predicted = torch.load("models/predictions.pt")[1]
with torch.inference_mode():
    assert torch.equal(model(X), predicted)
open(OUT[0], "w").write("true")
""",
}
PREAMBLE = """
import sys, torch, yaml
import matplotlib.pyplot as plt
p = yaml.safe_load(open("params.yaml"))
OUT = sys.argv[1:]
"""


def make(path: Path, scripts: dict[str, str]) -> Path:
    """A copy of this project with other scripts as its stages, which write the same files."""
    copy(path)
    declared = (path / "dvc.yaml").read_text(encoding="utf-8").replace(".safetensors", ".pt")
    (path / "dvc.yaml").write_text(declared, encoding="utf-8")
    stages = yaml.safe_load(declared)
    for name, stage in read(path).items():
        stages["stages"][name]["deps"] = [f"stages/{name}.py", *sorted(stage.inputs)]
        stages["stages"][name]["cmd"] = shlex.join(["python", "-m", f"stages.{name}", *stage.outs])
        (path / "stages" / f"{name}.py").write_text(scripts[name], encoding="utf-8")
    (path / "dvc.yaml").write_text(yaml.safe_dump(stages), encoding="utf-8")
    commit(path)
    return path


def repro(project: Path) -> float:
    """Seconds of one `dvc repro`."""
    return run(["dvc", "repro", "--quiet"], project)[0]


def from_nothing(project: Path, _: int) -> None:
    for folder in (".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(project / folder, ignore_errors=True)
    (project / "dvc.lock").unlink(missing_ok=True)
    for stage in read(project).values():
        for path in stage.outs:
            (project / path).unlink(missing_ok=True)


def change_lr(project: Path, turn: int) -> None:
    change(project, {"train.lr": 0.011 + turn / 1e4})


def change_nothing(project: Path, _: int) -> None:
    pass


CHANGES: dict[str, Callable[[Path, int], None]] = {
    "from nothing": from_nothing,
    "lr changed": change_lr,
    "nothing to do": change_nothing,
}


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        projects = {
            "this": copy(Path(folder) / "this"),
            "floor": make(Path(folder) / "floor", {k: v + WRITE for k, v in FLOOR.items()}),
            "tutorial": make(
                Path(folder) / "tutorial", {k: PREAMBLE + v for k, v in TUTORIAL.items()}
            ),
        }
        for project in projects.values():
            repro(project)
        print("| dvc repro | this, s | floor, s | tutorials' way, s | this / floor | way / this |")
        print("|---|---|---|---|---|---|")
        for what, prepare in CHANGES.items():
            times: dict[str, list[float]] = {name: [] for name in projects}
            for turn in range(runs):
                for name, project in projects.items():
                    prepare(project, turn)
                    times[name].append(repro(project))
            this, floor, tutorial = times.values()
            over = statistics.median(a / b for a, b in zip(this, floor, strict=True))
            gain = statistics.median(a / b for a, b in zip(tutorial, this, strict=True))
            seconds = " | ".join(f"{statistics.median(t):.2f}" for t in times.values())
            print(f"| {what} | {seconds} | {over:.2f} | {gain:.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
