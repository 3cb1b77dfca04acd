"""Signals sent to a process at a chosen moment."""

import os
from pathlib import Path

# Every Python with this script's folder on its path runs the script at startup. When the chosen
# process reaches the chosen moment, the script sends one signal: to that process, or to its whole
# process group, as a terminal does.
HOOK = """
import os, signal, sys
word, event, part, name, whole_group = os.environ["STRIKE"].split("|")
def strike(happened, arguments):
    if happened == event and part in str(arguments) and os.path.exists(os.environ["ARMED"]):
        if word in " ".join(sys.orig_argv):
            os.unlink(os.environ["ARMED"])
            (os.killpg if whole_group else os.kill)(os.getpgrp() if whole_group else os.getpid(),
                                                    getattr(signal, name))
sys.addaudithook(strike)
"""


# The same for a file that the process has opened for writing, which truncated it: of what the
# process writes, the first so many bytes reach the disk before the signal does.
WRITING_HOOK = """
import builtins, io, os, signal, sys
word, part, skip, length = os.environ["STRIKE"].split("|")
skip, opened, real = int(skip), 0, io.open
class Cut:
    def __init__(self, file, fd):
        self.__dict__.update(file=file, fd=fd, written="")
    def __getattr__(self, name):
        return getattr(self.file, name)
    def write(self, text):
        self.__dict__["written"] += text
        return len(text)
    def flush(self):
        pass
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.close()
    def close(self):
        content = self.written.encode()
        os.write(self.fd, content[:int(len(content) * float(length))])
        os.unlink(os.environ["ARMED"])
        os.killpg(os.getpgrp(), signal.SIGKILL)
def cut_open(path, mode="r", *arguments, **named):
    global opened
    file = real(path, mode, *arguments, **named)
    if "w" in mode and "b" not in mode and part in str(path) and word in " ".join(sys.orig_argv):
        opened += 1
        if opened > skip and os.path.exists(os.environ["ARMED"]):
            return Cut(file, file.fileno())
    return file
builtins.open = io.open = cut_open
"""


def strike_while_writing(
    folder: Path, word: str, part: str, skip: int, fraction: float
) -> dict[str, str]:
    """Environment that kills the process group of `word` while it writes a file.

    part: in the file's path. skip: times that it is written whole before. fraction: of its
    content that reaches the disk; 0 leaves it truncated.
    """
    return _environment(folder, WRITING_HOOK, f"{word}|{part}|{skip}|{fraction}")


def strike(
    folder: Path, word: str, event: str, part: str, name: str, group: bool
) -> dict[str, str]:
    """Environment that sends one signal to the process whose command contains `word`.

    event, part: the audit event that triggers the signal, if its arguments contain `part`.
    name, group: the signal's name, and whether the whole process group gets it.
    """
    return _environment(folder, HOOK, f"{word}|{event}|{part}|{name}|{'group' * group}")


def _environment(folder: Path, hook: str, order: str) -> dict[str, str]:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(hook)
    (folder / "armed").touch()
    return {
        "PYTHONPATH": str(folder),
        "ARMED": str(folder / "armed"),
        "STRIKE": order,
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": os.environ["HOME"],
    }
