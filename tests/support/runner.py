"""A job of a workflow, run here as a hosting site's runner would run it."""

import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.clone import Clone


class Done(NamedTuple):
    """What a job did: the exit status of each command that ran by name, and the job's summary."""

    statuses: dict[str, int]
    said: str
    summary: str


def lookup(context: dict[str, Any], name: str) -> str:
    """The value of a name such as `github.event.number`; empty if the event lacks it."""
    value: Any = context
    for key in name.split("."):
        value = value.get(key, {}) if isinstance(value, dict) else {}
    return str(value) if value != {} else ""


def expand(text: str, context: dict[str, Any]) -> str:
    """The text with the value of each `${{ name }}`."""
    return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda match: lookup(context, match[1]), text)


def applies(job: dict[str, Any], context: dict[str, Any]) -> bool:
    """True if the job runs on this event; its condition compares a name with a text."""
    if "if" not in job:
        return True
    compared = re.fullmatch(r"([\w.]+) == '(\w+)'", job["if"])
    assert compared
    return lookup(context, compared[1]) == compared[2]


def run_job(
    job: dict[str, Any], origin: Clone, context: dict[str, Any], folder: Path, **environment: str
) -> Done:
    """Runs the job's commands in a new folder; actions do here what they do on the site.

    An artifact is kept beside the folder. Without `shell`, a runner calls `bash -e`.
    """
    folder.mkdir()
    workspace, artifacts = folder / "plumbline", folder.parent / "artifacts"
    workspace.mkdir()
    files = {name: folder / name for name in ("GITHUB_ENV", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.touch()
    own = {**{name: str(path) for name, path in files.items()}, "CI": "true", **environment}
    own |= {name: expand(text, context) for name, text in job.get("env", {}).items()}
    place = Clone(workspace, **own)
    statuses: dict[str, int] = {}
    said = ""
    for step in job["steps"]:
        if any(statuses.values()) and step.get("if") != "always()":
            continue
        options = {key: expand(str(text), context) for key, text in step.get("with", {}).items()}
        if "run" in step:
            script = folder / "script.sh"
            script.write_text(step["run"])
            done = place.try_run("bash", "-e", str(script))
            statuses[step.get("name", step["run"])] = done.returncode
            said += done.stdout
            lines = files["GITHUB_ENV"].read_text().splitlines()
            place.environment.update(line.split("=", 1) for line in lines)
        elif "/checkout@" in step["uses"]:
            place.run("git", "clone", "--quiet", str(origin.path), ".")
            place.run("git", "fetch", "--quiet", "origin", "+refs/pull/*:refs/pull/*")
            place.run("git", "checkout", "--quiet", options.get("ref", context["github"]["sha"]))
        elif "/upload-artifact@" in step["uses"]:
            shutil.copytree(workspace / options["path"], artifacts)
        elif "/download-artifact@" in step["uses"]:
            shutil.copytree(artifacts, workspace / options["path"])
    return Done(statuses, said, files["GITHUB_STEP_SUMMARY"].read_text())


def gh(folder: Path, number: str) -> str:
    """A PATH with a `gh` that finds this pull request, and stores the comment that it gets."""
    folder.mkdir()
    (folder / "gh").write_text(
        f'#!/bin/sh\ncase $2 in list) echo {number};; comment) echo "$@" > said;; esac\n'
    )
    (folder / "gh").chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"]])
