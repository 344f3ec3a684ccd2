"""Install the pinned packages into .venv: what every `make` target begins with.

By itself: python3 -m stages.commands.install [dev|onnx]. Only Python's own library is used. An environment that `make`
made has its mark in it. Any other one, and a link, is the user's: it is used where it has what is pinned, and never
changed. Exit codes: 1 the packages cannot be installed, 2 this is no Git clone, or such an environment lacks something.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stages.base.errors import ProjectError, UserError, one_line

ENVIRONMENT = Path(".venv")
PYTHON = ENVIRONMENT / "bin/python"
MARK = ENVIRONMENT / ".made-by-make"
OLD_MARK = ENVIRONMENT / ".installed"  # of an earlier version of this project
PINS = {
    "run": ("requirements.txt", "2.7 GB, about two minutes"),
    "dev": ("requirements-dev.txt", "for the tests, 0.2 GB"),
    "onnx": ("requirements-onnx.txt", "for make export, 0.1 GB"),
}
# pip's own variables that would have it install elsewhere, or other things. Indexes, proxies and caches stay.
ELSEWHERE = ("USER", "TARGET", "PREFIX", "ROOT", "DRY_RUN", "NO_DEPS", "CONSTRAINT", "REQUIREMENT")
START = "git init && git add --all && git commit -m start"


_locks: list[int] = []


def check_clone() -> None:
    """Hold that this folder is a Git repository with a commit.

    Raises:
        UserError: it is none; DVC needs one.
    """
    if not shutil.which("git"):
        raise UserError("git is not installed, or not on PATH: the project needs it, and so does DVC")
    found = _git("rev-parse", "--show-toplevel")
    if found.returncode and "not a git repository" not in found.stderr:
        raise UserError(f"git: {one_line(found.stderr)}")
    if found.returncode or not Path(found.stdout.rstrip("\n")).samefile("."):
        raise UserError(
            "this folder is no Git repository of its own, and DVC needs one: clone the project (git clone) instead of "
            f"downloading it, or make this copy one: {START}"
        )
    if _git("rev-parse", "--verify", "HEAD").returncode:
        raise UserError(f"nothing is committed here yet, and DVC needs a commit: {START}")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    surroundings = os.environ | {"LC_ALL": "C"}  # English, to be told apart
    return subprocess.run(["git", *arguments], capture_output=True, text=True, env=surroundings, check=False)


def is_ours() -> bool:
    """Whether the environment is one that `make` made, or there is none."""
    if ENVIRONMENT.is_symlink():
        return False
    marked = MARK.exists() or OLD_MARK.exists()
    return not ENVIRONMENT.exists() or marked or not any(ENVIRONMENT.iterdir())


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
    return f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {_version()}"


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def install(name: str) -> None:
    """Bring an environment of make's own to what is pinned.

    Raises:
        ProjectError: that does not work; what pip says stands above.
    """
    pins, size = PINS[name]
    done, wanted = stamp(Path(pins)), digest(Path(pins))
    if _runs() and done.exists() and done.read_text() == wanted:
        return
    print(f"Installing what {pins} pins into {ENVIRONMENT} ({size}) ...", flush=True)
    kept = OLD_MARK.exists() or (done.exists() and done.read_text().endswith(f" {_version()}"))
    if name == "run" and not (_runs() and kept):  # none, not finished, or of another Python: begin anew
        ENVIRONMENT.mkdir(exist_ok=True)
        MARK.touch()
        for inside in ENVIRONMENT.iterdir():
            if inside != MARK:  # which stays, so that this can break off too
                shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()
        _run([sys._base_executable, "-m", "venv", str(ENVIRONMENT)])  # this one may just have been taken away
    options = ["--no-deps"] if name == "onnx" else []
    quietly = ["--quiet", "--disable-pip-version-check"]
    _run([str(PYTHON), "-m", "pip", "install", *quietly, *options, "--require-hashes", "-r", pins])
    done.write_text(wanted)


def _runs() -> bool:
    """Whether the environment's Python is there: after an upgrade of the system it may be a link to nothing."""
    return PYTHON.exists()


def _run(command: list[str]) -> None:
    surroundings = {
        name: value for name, value in os.environ.items() if name not in [f"PIP_{each}" for each in ELSEWHERE]
    }
    # With the lock, so that it is held as long as pip lives
    if subprocess.run(command, env=surroundings, check=False, pass_fds=_locks).returncode:
        raise ProjectError(
            "the packages could not be installed, see above; once that is mended, the same command goes on"
        )


def main() -> None:
    """requirements*.txt -> .venv."""
    names = ["run", *sys.argv[1:]]
    if unknown := [name for name in names if name not in PINS]:
        raise UserError(f"install: must be dev or onnx, got {unknown[0]!r}")
    check_clone()
    pins = Path(PINS["run"][0])
    mode = "r+" if os.access(pins, os.W_OK) else "r"  # network file systems lock only what may be written
    with pins.open(mode) as lock:  # the system takes a lock on it back, however its holder ends
        _locks[:] = [lock.fileno()]
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another make is installing the packages: waiting for it to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            install(name) if is_ours() else check_theirs(name)


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
