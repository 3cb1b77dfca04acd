"""Revisions of the repository that the process runs in, and temporary checkouts of them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plumbline.core.errors import UserError
from plumbline.lint import declared

# A hook or a file-system monitor would run a program of the branch's choice.
SETTINGS = (
    *(f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "safe.directory=*"),
    *("core.safecrlf=false", "core.splitIndex=false", "user.name=working tree", "user.email="),
)


class Checkout:
    """A project in a checkout of the commit `head`; `checkout_of` makes a temporary one.

    prefix: the project's folder in the repository, such as `models/price/`; empty at its root.
    of_folder: True if `head` is the working folder as it is now.
    """

    def __init__(self, root: Path, head: str, prefix: str = "", of_folder: bool = True) -> None:
        self.root, self.prefix, self.head, self.of_folder = root, prefix, head, of_folder
        self.path = root / prefix
        self.dvc_site = root.parent / "site"  # for what DVC keeps outside of a repository
        self.git = partial(git, cwd=self.path)

    def read(self, commit: str, path: str) -> bytes | None:
        """Content of `path` at `commit`, or in the working folder if `commit` is empty.

        None if there is no such file.
        """
        if not commit:
            file = self.path / path
            if os.path.lexists(file) and not file.is_file():
                raise UserError(f"{path}: wanted a file, got something else")
            return file.read_bytes() if file.is_file() else None
        listed = self.git("ls-tree", commit, "--", path)
        return self.git("cat-file", "blob", f"{commit}:./{path}") if listed else None

    def stages(self, path: str, commit: str = "") -> dict[str, Any]:
        """`stages` of dvc.yaml or dvc.lock at the commit, or in the working folder."""
        return declared.stages(path, self.read(commit, path) or b"")


def git(*arguments: str, cwd: Path | None = None, index: Path | None = None) -> bytes:
    """Standard output of git; no setting of the user or of the branch can make it run a program.

    index: a file to use instead of the repository's index.
    """
    options = [part for setting in SETTINGS for part in ("-c", setting)]
    environment = clean_environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
    return standard_output("git", *options, *arguments, cwd=cwd, env=environment)


HERE = Checkout(Path(), "")


def user_git(*arguments: str) -> bytes:
    """Standard output of git with the user's settings."""
    return standard_output("git", *arguments, env={**os.environ, "LC_ALL": "C"})


def unmerged(folder: str = ":/") -> dict[str, dict[str, str]]:
    """The blobs of each file in a merge conflict, by side: 1 base, 2 ours, 3 theirs.

    The paths are relative to the working folder. Outside a repository there are none.
    """
    try:
        listed = os.fsdecode(git("ls-files", "--unmerged", "-z", "--", folder)).split("\0")[:-1]
    except UserError:
        return {}
    found: dict[str, dict[str, str]] = {}
    for entry, path in (line.split("\t") for line in listed):
        _, blob, side = entry.split()
        found.setdefault(path, {})[side] = blob
    return found


def find_commit(revision: str | None) -> str:
    """The full hash of a revision: what git knows, a remote's branch, or an experiment.

    None: a new commit of the tracked files in the working tree; no branch has it.
    """
    commit = _fetch_files(_resolve(revision or "HEAD"))
    return commit if revision else _commit_working_tree(commit)


def find_base(revision: str, head: str) -> tuple[str, str]:
    """The commit at which `head` left the revision: what a pull request is compared with.

    Also a note to print after the revision's name, if it has newer commits or none in common.
    """
    tip = _resolve(revision)
    try:
        base = _line("merge-base", tip, head)
    except UserError:
        note = "shares no commit with this branch; compared as it is now"
        if _line("rev-parse", "--is-shallow-repository") == "true":
            note += "; git fetch --unshallow may find one"
        return _fetch_files(tip), note
    newer = int(_line("rev-list", "--count", f"{base}..{tip}"))
    since = f"has moved on by {newer} commit{'s' * (newer > 1)}"
    note = f"{since}; compared with {base[:12]}, where this branch left it" if newer else ""
    return _fetch_files(base), note


def _resolve(name: str) -> str:
    """The hash, as DVC resolves it; UserError lists the branches, and how to fetch this one."""
    # This one call uses the user's settings, so git can refuse somebody else's repository.
    shallow = user_git("rev-parse", "--is-shallow-repository") == b"true\n"
    with suppress(UserError):
        return _line("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")

    def commits(*refs: str) -> dict[str, str]:
        listed = git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", *refs)
        return dict(line.rsplit(" ", 1) for line in listed.decode().splitlines())

    found = commits(f"refs/remotes/*/{name}", f"refs/exps/*/*/{name}")
    if len({*found.values()}) == 1:
        return next(iter(found.values()))
    text = f"{name}: {'several revisions' if found else 'no such revision'} in this repository"
    if there := [*(found or commits("refs/heads", "refs/remotes"))]:
        text += f"; there are {', '.join(there[:5])}{', ...' * (len(there) > 5)}"
    # Not a hash, and not an expression such as HEAD~1.
    branch = bool(re.fullmatch(r"(?!HEAD\b|[0-9a-f]{7,40}$)\w[\w./-]*", name)) and not found
    if (remote := git("remote").decode().partition("\n")[0]) and (shallow or branch):
        text += f"; if {remote} has it: git fetch{' --unshallow' * shallow}"
        text += f" {remote} {name}:refs/remotes/{remote}/{name}" * branch
    raise UserError(text)


def _fetch_files(commit: str) -> str:
    """The commit, with all its files here: git fetches those that a partial clone lacks."""
    if any(name.endswith(".promisor") for name in _repo_settings()):
        with TemporaryDirectory(prefix="plumbline-") as folder:
            take = ("--work-tree", folder, "read-tree", "-u", "--reset", commit)
            git(*_no_filters(), *take, index=Path(folder, "index"))
    return commit


def _commit_working_tree(head: str) -> str:
    """A commit of the tracked files on `head`; `head` itself if it has the same files.

    During a merge it has the parents that git's next commit will have.
    """
    merging = Path(_line("rev-parse", "--git-path", "MERGE_HEAD"))
    parents = [head, *(merging.read_text().split() if merging.is_file() else [])]
    with _index_without_times() as index:
        run = partial(git, *_no_filters(), index=index)
        # Without a change nothing is written: the repository may be read-only.
        if not run("diff", "--name-only", head) and parents == [head]:
            return head
        run("add", "--update", "--", ":/")
        options = [part for parent in parents for part in ("-p", parent)]
        tree = run("write-tree").decode().strip()
        return run("commit-tree", tree, *options, "-m", "The working tree").decode().strip()


def unseen_files() -> list[Path]:
    """The tracked files below the working folder that changed without git seeing it.

    Git looks at size and time only. A program that writes git's index within a second of an edit
    can leave the old hash beside the new time, and then `git add` skips the edit.
    """
    # Unlike `git diff`, it does not write to the index.
    find = partial(git, *_no_filters(), "diff-files", "--name-only", "--relative", "-z")
    with _index_without_times() as copy:
        changed, seen = (find(index=index).split(b"\0")[:-1] for index in (copy, None))
    return [Path(os.fsdecode(name)) for name in changed if name not in seen]


@contextmanager
def _index_without_times() -> Iterator[Path]:
    """A copy of git's index that makes git compare the content of files, not their times.

    Git distrusts the times in an index that is as old as the files. Filters must not run here, so
    git goes by the times if a file has one.
    """
    with TemporaryDirectory(prefix="plumbline-") as folder:
        index, real = Path(folder) / "index", Path(_line("rev-parse", "--git-path", "index"))
        if real.exists():
            shutil.copy(real, index)
            if git("ls-files", ":/") == git("ls-files", ":(top,attr:!filter)"):
                os.utime(index, (1, 1))  # 0 would mean that the time is unknown
        yield index


@contextmanager
def checkout_of(revision: str | None) -> Iterator[Checkout]:
    """A checkout in a temporary folder; `find_commit` says of which commit."""
    head = find_commit(revision)
    objects, shallow = (Path(_line("rev-parse", "--git-path", n)) for n in ("objects", "shallow"))
    with TemporaryDirectory(prefix="plumbline-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "checkout"
        checkout = Checkout(root, head, _line("rev-parse", "--show-prefix"), not revision)
        git("init", "--quiet", "--template=", str(root))
        # Like `git clone --shared`, which cannot clone a shallow repository.
        (root / ".git/objects/info").mkdir(exist_ok=True)
        (root / ".git/objects/info/alternates").write_bytes(os.fsencode(objects.resolve()) + b"\n")
        if shallow.exists():
            shutil.copy(shallow, root / ".git")
        git("checkout", "--quiet", "--detach", head, cwd=root)
        # A commit before the project has neither its folder nor DVC's.
        checkout.path.mkdir(parents=True, exist_ok=True)
        if Path(".dvc").is_dir():
            (checkout.path / ".dvc").mkdir(exist_ok=True)
        yield checkout


def _no_filters() -> list[str]:
    """Options that switch off the repository's filters, for commands that read or write files."""
    names = [name for name in _repo_settings() if name.startswith("filter.")]
    off = [f"{name}={'false' if name.endswith('.required') else ''}" for name in names]
    return [part for setting in off for part in ("-c", setting)]


def _repo_settings() -> list[str]:
    """The names of the settings in the repository's own configuration."""
    return git("config", "--local", "--list", "--name-only", "-z").decode().split("\0")


def _line(*arguments: str) -> str:
    return git(*arguments).decode().removesuffix("\n")


def clean_environment() -> dict[str, str]:
    """The environment without any setting of git, such as those that git makes for its hooks."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def standard_output(*command: str, cwd: Path | None = None, env: dict[str, str]) -> bytes:
    """Standard output of the command; if it fails, UserError with its standard error."""
    done = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace").replace("ERROR: ", "")
        errors = errors.replace(f"{cwd}{os.sep}", "").strip()
        raise UserError(errors or f"`{' '.join(command)}`: failed without a message")
    return done.stdout
