"""Signals sent to a process at a chosen moment."""

import os
from pathlib import Path

# Every Python with this script's folder on its path runs the script at startup. When the chosen
# process reaches the chosen moment, the script sends one signal: to that process, or to its whole
# process group, as a terminal does.
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
    """Environment that sends one signal to the process whose command contains `word`.

    event, part: the audit event that triggers the signal, if its arguments contain `part`.
    number, group: the signal, and whether the whole process group gets it.
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
