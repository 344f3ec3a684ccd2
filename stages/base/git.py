"""What Git says of this repository."""

import os
import subprocess

from stages.base.errors import ProjectError, one_line

# Who commits an experiment where nobody is named: for one process, never written down.
NOBODY = {"NAME": "nobody", "EMAIL": "nobody@localhost"}
NAME_YOURSELF = """Git does not know who you are, and dvc exp run, which commits, asks. Tell it:
       git config --global user.name "Your Name"
       git config --global user.email you@example.org"""


def git(*arguments: str) -> str:
    """What a git command prints.

    Raises:
        ProjectError: it fails.
    """
    done = ended(*arguments)
    if not done:
        raise ProjectError("git: not installed, or not on PATH")
    if done.returncode:
        raise ProjectError(f"git {arguments[0]}: {one_line(done.stderr.decode(errors='replace'))}")
    return done.stdout.decode("utf-8", "surrogateescape")


def committed(path: str) -> bytes | None:
    """A file in the last commit; None if it is not there."""
    shown = ended("show", f"HEAD:{path}")
    return shown.stdout if shown and not shown.returncode else None


def identity() -> dict[str, str]:
    """Who commits, as the variables that Git and DVC read: as configured, else nobody.

    An empty mapping where all is known from Git's configuration or from the environment already.
    """
    kinds = [(who, what) for who in ("AUTHOR", "COMMITTER") for what in NOBODY]
    return {
        variable: NOBODY[what]
        for who, what in kinds
        if (variable := f"GIT_{who}_{what}") not in os.environ and not configured(what)
    }


def configured(what: str) -> str:
    """Whose NAME or EMAIL Git's configuration has; "" for nobody's."""
    found = ended("config", "--get", f"user.{what.lower()}")
    return found.stdout.decode(errors="replace").strip() if found else ""


def ended(*arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    """A git command, ended, that speaks English; None where there is no Git."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, env=os.environ | {"LC_ALL": "C"}, check=False)
    except FileNotFoundError:
        return None
