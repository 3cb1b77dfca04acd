"""Signals sent to a process at a chosen moment."""

import os
from pathlib import Path

# Every Python with this script's folder on its path runs the script at startup. When the chosen
# process reaches the chosen moment, the script sends one signal to it: Ctrl-C to its whole process
# group, as a terminal does.
HOOK = """
import os, signal, sys
word, event, part, name = os.environ["STRIKE"].split("|")
def strike(happened, arguments):
    if happened == event and part in str(arguments) and os.path.exists(os.environ["ARMED"]):
        if word in " ".join(sys.orig_argv):
            os.unlink(os.environ["ARMED"])
            if name == "SIGINT":
                os.killpg(os.getpgrp(), signal.SIGINT)
            else:
                os.kill(os.getpid(), getattr(signal, name))
sys.addaudithook(strike)
"""


def strike(folder: Path, word: str, event: str, part: str, name: str) -> dict[str, str]:
    """Environment that sends one signal to the process whose command contains `word`.

    event, part: the audit event that triggers it, if its arguments contain `part`. name: SIGKILL,
    SIGTERM or SIGINT.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    (folder / "armed").touch()
    return {
        "PYTHONPATH": str(folder),
        "ARMED": str(folder / "armed"),
        "STRIKE": f"{word}|{event}|{part}|{name}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": os.environ["HOME"],
    }
