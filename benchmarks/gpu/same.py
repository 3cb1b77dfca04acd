"""Compares a GPU's results with the CPU's, and checks that repeated runs give the same bytes."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product

import numpy as np
import torch
from msgspec import convert
from torch import distributed

from benchmarks.gpu.project import Changes, Project, numbers
from benchmarks.gpu.results import DEVICE, GPU, MILLION, tell
from plumbline import validation
from plumbline.inference.device import predict
from plumbline.review import gate
from plumbline.training.batches import Samples
from stages.loop import OPTIMIZERS, Train, fit
from stages.losses import LOSSES
from stages.model import MODELS
from tests.support.exercise import EXERCISE, PUBLISHED, ROOT, STAGES
from tests.support.models import make_model_with_info

LARGE = 100 * MILLION if GPU else MILLION  # samples for several pieces: see `piece_size`
NOISE: Changes = {"generate.noise": 0.05, "split.shuffle": True}
MLP: Changes = {"train.model": "mlp", "train.optimizer": "adam", "train.standardize": True}
BATCHES: Changes = {"train.batch_size": 1000, "train.epochs": 3, "generate.step": 1e-5}
FEW: Changes = {"validate.repeats": 2}

CASES: dict[str, Changes] = {
    "exercise": {},
    "parameters, huber": {"train.model": "parameters", "train.loss": "huber"},
    "mlp, adam, mse, noise": {**MLP, **NOISE, "train.loss": "mse", "generate.step": 1e-4},
    "batches, noise": {**BATCHES, **NOISE, **FEW},
    "a million, noise": {**NOISE, **FEW, "generate.step": 1e-6},
}


def compare(name: str) -> None:
    """Runs a case on the CPU and on the GPU; reports the differences and the output of `verify`."""
    project, said, found = Project(CASES[name]), {}, {}
    others = {"generate", "split", "verify"}
    if project.changes:
        others.add("plot")
    later = [stage for stage in STAGES if stage not in others]
    for device in ("cpu", "auto"):
        printed = {stage: project.run(stage, device) for stage in later}
        said[device] = [line for line in printed["train"].splitlines() if "wrote" not in line]
        found[device] = {out: numbers(path) for out, path in project.outs(*later).items()}
        for verifier in ("cpu", "auto"):
            last = project.run("verify", verifier).splitlines()[-1:]
            tell("verify", case=name, trained=device, verified=verifier, said=last)
        if not project.changes:
            same = "\n".join(said[device]).startswith(PUBLISHED.rstrip())
            tell("published table", device=device, same=same)
    pairs = list(zip(said["cpu"], said["auto"], strict=False))
    different = [pair for pair in pairs if pair[0] != pair[1]]
    tell("printed", case=name, lines=len(pairs), different=different[:6])
    for out, cpu in found["cpu"].items():
        gpu = found["auto"].get(out, np.empty(0))
        same = np.array_equal(cpu, gpu)
        largest = float(np.abs(cpu - gpu).max()) if cpu.shape == gpu.shape else None
        tell("output", case=name, path=out, same=same, largest_difference=largest)


def stages() -> None:
    """Compares the devices on each case and judges a change; in parallel if there is a GPU."""
    with ThreadPoolExecutor(len(CASES) + 1 if GPU else 1) as pool:
        judged = pool.submit(judge)
        list(pool.map(compare, CASES))
        judged.result()


def judge() -> None:
    """Reports the gate's verdict on half the learning rate, with `validate` run on each device."""
    base, head = Project(NOISE), Project({**NOISE, "train.lr": 0.005})
    for device in ("cpu", "auto"):
        found = []
        for project in (base, head):
            project.run("validate", device)
            (path,) = project.outs("validate").values()
            found.append(validation.load(path))
        tell("verdict", device=device, said=str(gate.compare(*found)))


def tests() -> None:
    """Runs the tests of devices, including one that needs CUDA."""
    options = ["-q", "-rA", "-W", "default", "-p", "no:cacheprovider", "--tb=short"]
    path = "tests/plumbline/inference/test_device.py"
    command = [sys.executable, "-m", "pytest", *options, path]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout
    print(said[-5000:])
    tell("tests", last=said.splitlines()[-1:])


def runs() -> None:
    """Compares the bytes of trainings that are repeated, run in two processes, or resumed."""
    cases: dict[str, Changes] = {
        "exercise": {},
        "mlp, adam": {**MLP, **NOISE},
        "batches": {**BATCHES, **NOISE},
        "large": {"generate.noise": 0.05, "generate.step": 1 / LARGE, "train.epochs": 20},
    }
    with ThreadPoolExecutor(len(cases) + 1 if GPU else 1) as pool:
        resumed = pool.submit(resume)
        list(pool.map(train_again, cases, cases.values()))
        resumed.result()


def train_again(name: str, changes: Changes) -> None:
    """Runs a training in three ways, and reports the digest of each; they should be equal."""
    project = Project(changes)
    for way, environment in {
        "alone": {},
        "again": {},
        "two processes": {"PET_NPROC_PER_NODE": "2"},
    }.items():
        for path in project.outs("train").values():
            path.unlink()
        start = time.perf_counter()
        project.run("train", **environment)
        seconds = round(time.perf_counter() - start, 1)
        tell("bytes", case=name, way=way, digest=project.digest(), seconds=seconds)


def resume() -> None:
    """Reports whether a killed and resumed training gives the bytes of an uninterrupted one."""
    project = Project({**MLP, "train.epochs": 6000, "train.eval_every": 500})
    project.run("train")
    whole = project.digest()
    project.changes["train.checkpoint_every"] = 500
    process = project.start("train", "auto")
    checkpoint = project.folder / "models" / "model.safetensors.checkpoint"
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.01)
    process.kill()
    process.communicate()
    resumed = "resuming after" in project.run("train")
    tell("killed and resumed", resumed=resumed, same=project.digest() == whole)


def deterministic() -> None:
    """Trains each mix of model, loss, optimizer and batch size twice, in deterministic mode."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)
    X = torch.rand(10_000, 3, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    samples = Samples(X, X.sum(dim=1, keepdim=True), 0, len(X))
    choices = product(MODELS, LOSSES, OPTIMIZERS, (0, 1000))
    for case in choices:
        found = set()
        changes = dict(zip(("model", "loss", "optimizer", "batch_size"), case, strict=True))
        params = convert({**EXERCISE["train"], **changes, "epochs": 3}, Train)
        for _ in range(2):
            torch.manual_seed(0)
            model = make_model_with_info(case[0], 3)[0].to(DEVICE)
            try:
                fit(model, samples, samples, params)
            except RuntimeError as error:
                tell("not deterministic", case=case, error=str(error)[:300])
            found.add(tuple(torch.cat([p.reshape(-1) for p in model.parameters()]).tolist()))
        if len(found) > 1:
            tell("different bits", case=case)
    tell("deterministic", done=True)


def rows() -> None:
    """Reports whether a row's prediction depends on the rows around it."""
    for name, features in product(MODELS, (1, 3, 10)):
        torch.manual_seed(features)
        model = make_model_with_info(name, features)[0].to(DEVICE)
        X, others = (torch.randn(n, features).to(DEVICE) for n in (89, 100_000))
        expected = predict(model, X)
        single = torch.cat([predict(model, row[None]) for row in X])
        among = predict(model, torch.cat([others, X]))[len(others) :]
        same = torch.equal(single, expected), torch.equal(among, expected)
        tell("rows", model=name, features=features, single_same=same[0], among_others_same=same[1])


def backends() -> None:
    """Tries `all_reduce` in two processes on one device, with gloo and with torch's default."""
    command = "torch.distributed.run --standalone --nproc-per-node 2 -m benchmarks.gpu --alone rank"
    for backend in ("gloo", ""):
        environment = {**os.environ, "BACKEND": backend, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-m", *command.split()], env=environment, check=False)


def rank() -> None:
    """Times `all_reduce` on each device; each of the two processes of `backends` runs this."""
    backend = os.environ["BACKEND"] or None
    distributed.init_process_group(backend, timeout=timedelta(seconds=15))
    for device in dict.fromkeys(("cpu", DEVICE.type)):
        try:
            numbers = torch.ones(3, dtype=torch.int32, device=device)
            distributed.all_reduce(numbers)
            start = time.perf_counter()
            distributed.all_reduce(numbers)
            said = f"{numbers.tolist()} in {(time.perf_counter() - start) * 1e3:.2f} ms"
        except (RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())[:400]
        if distributed.get_rank() == 0:
            tell("all_reduce", backend=backend, device=device, said=said)
    os._exit(0)  # after a failure, a normal exit may hang
