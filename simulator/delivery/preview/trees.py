"""The two trees that a preview compares: a commit of the repository, and the working tree as it lies there."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from stream_queries.errors import UserError

_MAIN_BRANCHES = ("origin/main", "main")


@dataclass(frozen=True)
class Base:
    """The commit to compare with, and why it is this one."""

    commit: str
    reason: str

    def __str__(self) -> str:
        return f"{self.commit[:10]} ({self.reason})"


def working_tree(folder: Path) -> Path:
    """The top of the repository that `folder` lies in."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        raise UserError(
            f"{folder} is in no Git repository: run this in a clone, whose history holds what to compare with"
        )
    return Path(top)


def find_base(tree: Path, ref: str | None) -> Base:
    """The commit that `ref` names; without one, where the current branch left the main branch, else the last commit."""
    if ref is not None:
        commit = _commit(tree, ref)
        if commit is None:
            raise UserError(f"--base {ref}: no such commit here; fetch it, or give a branch, a tag or a commit")
        return Base(commit, ref)
    for branch in _MAIN_BRANCHES:
        if _commit(tree, branch) is None:
            continue
        commit = _git(tree, "merge-base", "HEAD", branch)
        if commit is None:
            raise UserError(f"HEAD and {branch} have no commit in common: fetch the whole history, or give --base")
        return Base(commit, f"where this branch left {branch}")
    commit = _commit(tree, "HEAD")
    if commit is None:
        raise UserError(f"{tree} has no commit yet: there is nothing to compare with")
    return Base(commit, "the last commit, for there is no main branch")


def extract(tree: Path, commit: str, folder: Path) -> Path:
    """The files of a commit, written to `folder`."""
    archive = subprocess.run(["git", "archive", "--format=tar", commit], cwd=tree, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def _commit(tree: Path, ref: str) -> str | None:
    return _git(tree, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")


def _git(folder: Path, *arguments: str) -> str | None:
    """What Git prints; None where it finds nothing."""
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UserError("git is not on the PATH: install it") from error
    return run.stdout.strip() if run.returncode == 0 else None
