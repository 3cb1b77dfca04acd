"""Faults that strike a process at a chosen moment."""

import os
from pathlib import Path

# Loaded by every Python that has its folder on the path: at the chosen moment of the chosen
# process it sends a signal, once, to that process or, as a terminal does, to its whole group.
HOOK = """
import os, signal, sys
word, event, part, number, whole_group = os.environ["STRIKE"].split("|")
def strike(happened, arguments):
    if happened == event and part in str(arguments) and os.path.exists(os.environ["ARMED"]):
        if word in " ".join(sys.orig_argv):
            os.unlink(os.environ["ARMED"])
            (os.killpg if whole_group else os.kill)(os.getpgrp() if whole_group else os.getpid(),
                                                    int(number))
sys.addaudithook(strike)
"""


def strike(
    folder: Path, word: str, event: str, part: str, number: int, group: bool
) -> dict[str, str]:
    """The environment in which a process whose command has `word` is struck once.

    event, part: the audit event that it is struck at, and what its arguments hold.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    (folder / "armed").touch()
    return {
        "PYTHONPATH": str(folder),
        "ARMED": str(folder / "armed"),
        "STRIKE": f"{word}|{event}|{part}|{int(number)}|{'group' * group}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": os.environ["HOME"],
    }
