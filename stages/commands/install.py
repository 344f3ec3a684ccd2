"""Install the pinned packages into .venv: what every `make` target begins with.

By itself: python3 -m stages.commands.install [dev|onnx|s3|distributed]. Only Python's own library is used. An
environment that `make` made has its mark in it. Any other one, and a link, is the user's: it is used where it has what
is pinned, and never changed. Exit codes: 1 the packages cannot be installed, 2 this is no Git clone, or such an
environment lacks something.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from stages.base import git
from stages.base.errors import ProjectError, UserError, one_line

ENVIRONMENT = Path(".venv")
PYTHON = ENVIRONMENT / "bin/python"
MARK = ENVIRONMENT / ".made-by-make"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
PINS = {
    "run": ("requirements.txt", "2.7 GB, about two minutes"),
    "dev": ("requirements-dev.txt", "for the tests, 0.2 GB"),
    "onnx": ("requirements-onnx.txt", "for make export, 0.1 GB"),
    "s3": ("requirements-s3.txt", "for a remote in S3, 0.1 GB"),
    "distributed": ("requirements-distributed.txt", "for sweeps on several machines, 0.1 GB"),
}
# pip's own variables that would have it install elsewhere, or other things. Indexes, proxies and caches stay.
ELSEWHERE = tuple(
    f"PIP_{name}" for name in ("USER", "TARGET", "PREFIX", "ROOT", "DRY_RUN", "NO_DEPS", "CONSTRAINT", "REQUIREMENT")
)
START = "git init && git add --all && git commit -m start"


def check_clone() -> None:
    """Hold that this folder is a Git repository with a commit.

    Raises:
        UserError: it is none; DVC needs one.
    """
    found = git.ended("rev-parse", "--show-toplevel")
    if not found:
        raise UserError("git is not installed, or not on PATH: the project needs it, and so does DVC")
    said, top = found.stderr.decode(errors="replace"), os.fsdecode(found.stdout).rstrip("\n")
    if found.returncode and "not a git repository" not in said:
        raise UserError(f"git: {one_line(said)}")
    if found.returncode or not Path(top).samefile("."):
        raise UserError(
            "this folder is no Git repository of its own, and DVC needs one: clone the project (git clone) instead of "
            f"downloading it, or make this copy one: {START}"
        )
    if git.ended("rev-parse", "--verify", "HEAD").returncode:
        raise UserError(f"nothing is committed here yet, and DVC needs a commit: {START}")


def is_ours() -> bool:
    """Whether the environment is one that `make` made, or there is none."""
    if ENVIRONMENT.is_symlink():
        return False
    return not ENVIRONMENT.exists() or MARK.exists() or not any(ENVIRONMENT.iterdir())


def lacking(pins: Path) -> list[str]:
    """What a file pins that this Python does not have."""
    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:
        return ["packaging"]
    lines = (line.split(" \\")[0] for line in pins.read_text(encoding="utf-8").splitlines())
    wanted = [Requirement(line) for line in lines if line[:1].isalnum()]
    return [str(each) for each in wanted if (not each.marker or each.marker.evaluate()) and not _has(each)]


def _has(wanted: "packaging.requirements.Requirement") -> bool:  # noqa: F821  (imported where it is there)
    try:
        return version(wanted.name) in wanted.specifier
    except PackageNotFoundError:
        return False


def check_theirs(name: str) -> None:
    """Hold that an environment of the user's own has what is pinned.

    Raises:
        UserError: it has not.
    """
    pins, _ = PINS[name]
    if not PYTHON.exists() or not Path(sys.prefix).samefile(ENVIRONMENT):
        raise UserError(
            f"{ENVIRONMENT}: not made by make, so left as it is, and without a Python 3.11, 3.12 or 3.13 that runs; "
            f"move it away: mv {ENVIRONMENT} {ENVIRONMENT}.old"
        )
    if missing := lacking(Path(pins)):
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        no_deps = "--no-deps " if name == "onnx" else ""
        raise UserError(
            f"{ENVIRONMENT}: not made by make, so left as it is, and it lacks {missing[0].split(';')[0].strip()}{more} "
            f"of {pins}; type: {PYTHON} -m pip install {no_deps}--require-hashes -r {pins}"
        )


def stamp(pins: Path, environment: Path = ENVIRONMENT) -> Path:
    """The file that says which pins of this name are installed whole: by their digest."""
    return environment / f".{pins.stem}"


def digest(pins: Path) -> str:
    """What tells pins, and the Python for which they are installed, from others."""
    return f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {VERSION}"


def install(name: str, lock: IO[str]) -> None:
    """Bring an environment of make's own to what is pinned.

    Args:
        name: which pins.
        lock: the file that is locked meanwhile.

    Raises:
        ProjectError: that does not work; what pip says stands above.
    """
    pins, size = PINS[name]
    done = stamp(Path(pins))
    installed = done.read_text() if PYTHON.exists() and done.exists() else ""  # the Python may be a link to nothing
    if installed == digest(Path(pins)):
        return
    print(f"Installing what {pins} pins into {ENVIRONMENT} ({size}) ...", flush=True)
    if name == "run" and not installed.endswith(f" {VERSION}"):  # none, not finished, or of another Python: anew
        ENVIRONMENT.mkdir(exist_ok=True)
        MARK.touch()
        for inside in ENVIRONMENT.iterdir():
            if inside != MARK:  # which stays, so that this can break off too
                shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()
        _run([sys._base_executable, "-m", "venv", str(ENVIRONMENT)], lock)  # this one may just have been taken away
    options = ["--quiet", "--disable-pip-version-check", *(["--no-deps"] if name == "onnx" else [])]
    _run([str(PYTHON), "-m", "pip", "install", *options, "--require-hashes", "-r", pins], lock)
    done.write_text(digest(Path(pins)))


def _run(command: list[str], lock: IO[str]) -> None:
    surroundings = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    # The command has the lock too: it is held as long as pip lives, whatever becomes of this process.
    if subprocess.run(command, env=surroundings, pass_fds=[lock.fileno()], check=False).returncode:
        raise ProjectError(
            "the packages could not be installed, see above; once that is mended, the same command goes on"
        )


def main() -> None:
    """requirements*.txt -> .venv."""
    names = ["run", *sys.argv[1:]]
    if unknown := [name for name in names if name not in PINS]:
        raise UserError(f"install: must be {' or '.join(list(PINS)[1:])}, got {unknown[0]!r}")
    check_clone()
    pins = Path(PINS["run"][0])
    mode = "r+" if os.access(pins, os.W_OK) else "r"  # network file systems lock only what may be written
    with pins.open(mode) as lock:  # the system takes a lock on it back, however its holder ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another make is installing the packages: waiting for it to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            install(name, lock) if is_ours() else check_theirs(name)


if __name__ == "__main__":
    try:
        main()
    except ProjectError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C; the same command goes on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:  # no space, no permission
        print(
            f"{error.filename or ENVIRONMENT}: {error.strerror}; once that is mended, the same command goes on",
            file=sys.stderr,
        )
        sys.exit(1)
