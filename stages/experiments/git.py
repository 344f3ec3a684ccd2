"""What Git says of this repository."""

import subprocess

from stages.base.errors import ProjectError, one_line


def git(*arguments: str) -> str:
    """What a git command prints.

    Raises:
        ProjectError: it fails.
    """
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProjectError(f"git {arguments[0]}: {one_line(done.stderr)}")
    return done.stdout


def committed(path: str) -> bytes | None:
    """A file in the last commit; None if it is not there."""
    shown = subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=False)
    return None if shown.returncode else shown.stdout
