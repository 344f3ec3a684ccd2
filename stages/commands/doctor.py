"""Look whether this machine has what the project needs, and say of each thing that is wrong what to do.

By itself: python3 -m stages.commands.doctor. It changes nothing, and begins with Python's own library, so that it also
runs where the packages are not installed. Exit codes: 0 nothing is wrong, 1 something is.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stages.base.errors import ProjectError, one_line
from stages.base.git import NAME_YOURSELF, committed, git, identity

if TYPE_CHECKING:  # not before it is known to be installed
    from dvc.repo import Repo

SECONDS = 10  # for whom to answer over a network
LEAST_SPACE = 0.5  # GB: a run, its cache and its epochs, with room to spare
INSTALLED = 2.7  # GB
LEAST_MEMORY = 0.7  # GB: what docs/images.md has measured


class Found(NamedTuple):
    """What was found of one thing."""

    text: str
    remedy: str = ""  # what to do, where that is worth doing
    wrong: bool = False


def wrong(text: str, remedy: str) -> Found:
    """Something without which the project does not run, or not as it says."""
    return Found(text, remedy, wrong=True)


def python() -> Found:
    """Which Python, and whether it has the pinned packages."""
    from stages.commands.install import PINS, lacking

    which, pins = f"{sys.version.split()[0]} in {sys.prefix}", Path(PINS["run"][0])
    if missing := lacking(pins):
        lacks = f"{len(missing)} of the packages of {pins}" if missing[1:] else missing[0].split(";")[0].strip()
        if lacks == "packaging":  # without which the others are not looked for
            lacks = f"the packages of {pins}"
        return wrong(f"{which} lacks {lacks}", "make, which installs them into .venv")
    return Found(f"{which}, with the packages of {pins}")


def clone() -> Found:
    """Whether this is a Git clone, and whether Git knows who commits."""
    from stages.commands.install import check_clone

    check_clone()
    version = git("--version").split()[2]
    if identity():
        said, remedy = NAME_YOURSELF.split(" Tell it:")
        return wrong(f"{version}, a clone with a commit, but {said}", remedy)
    return Found(f"{version}, a clone with a commit, and it knows who commits")


def disk() -> Found:
    """Whether a run has room, and may write here."""
    if not os.access(".", os.W_OK):
        return wrong("this folder cannot be written", f"own it, or clone the project elsewhere: ls -ld {Path.cwd()}")
    free, needed = shutil.disk_usage(".").free / 1e9, LEAST_SPACE
    needed += 0 if Path(".venv/bin/python").exists() else INSTALLED
    said = f"{free:.1f} GB free"
    if free < needed:
        return wrong(f"{said}, {needed:.1f} GB are needed", "dvc gc --workspace and make clean-epochs make room")
    return Found(f"{said}; {needed:.1f} GB are needed")


def memory() -> Found:
    """How much memory a process may take: what the machine has, or the container."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if Path(path).exists() and (limit := Path(path).read_text(encoding="ascii").strip()).isdigit():
            limits.append(int(limit))
    there = min(limits) / 1e9
    said = f"{there:.1f} GB" + (", by the limit of this container" if limits[0] > min(limits) else "")
    if there < LEAST_MEMORY:
        return wrong(f"{said}, {LEAST_MEMORY} GB are needed", "close other programs, or give the container more")
    return Found(said)


def processor() -> Found:
    """The class of processor, and what that means for the bytes of results."""
    from stages.base.environment import cpu
    from stages.commands.summary import ENVIRONMENT

    ours, cores = cpu(), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    theirs = json.loads(committed(ENVIRONMENT.as_posix()) or "{}")
    said = f"{cores} cores, {ours}"
    if theirs.get("cpu") != ours or theirs.get("platform") != sys.platform:
        return Found(
            f"{said}: results differ in their last digits from the committed ones",
            "equal inputs give equal bytes among such machines: docs/same-bytes.md",
        )
    return Found(f"{said}: the bytes of results are those committed")


def gpu() -> Found:
    """Whether TensorFlow computes on graphics cards."""
    from stages.training.backend import gpus

    if found := gpus():
        named = "; ".join(found)
        return Found(f"{named}: bytes are those of this card and driver", "on the CPU: CUDA_VISIBLE_DEVICES=-1 make")
    if shutil.which("nvidia-smi"):
        return Found("TensorFlow uses none, though there is a driver: none is needed")
    return Found("none, and none is needed")


def data() -> Found:
    """Whether the data set that params.yaml names can be had."""
    import requests

    from stages.base.params import read_params
    from stages.data.raw_files import on_this_machine, raw_folders, read_registry

    params = read_params()
    if params.dataset != "fashion_mnist":
        return Found(f"{params.dataset}, of what is on this machine: no download")
    registry = read_registry()
    if on_this_machine(registry):
        return Found("Fashion-MNIST is here, its checksums are right")
    for mirror in registry.mirrors:
        try:
            if requests.head(f"{mirror}{registry.files.test_labels.name}", timeout=SECONDS, allow_redirects=True).ok:
                return Found("Fashion-MNIST is not here yet; a mirror of it answers", "make downloads 30 MB")
        except requests.RequestException:
            continue
    places = " or ".join(map(str, raw_folders()))
    said = f"Fashion-MNIST is not whole in {places}, and no mirror answers"
    return wrong(said, "make runs on embedded data; for the real: docs/data.md")


def remotes() -> Found:
    """Whether the remotes of Git and DVC answer, so far as there are any."""
    from dvc.repo import Repo

    without_asking = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    names = git("remote").split()
    for name in names:
        try:
            asked = subprocess.run(
                ["git", "ls-remote", "--heads", name], capture_output=True, check=False, timeout=SECONDS,
                stdin=subprocess.DEVNULL, env=os.environ | without_asking,
            )  # fmt: skip
            answer = one_line(asked.stderr.decode(errors="replace")) if asked.returncode else ""
        except subprocess.TimeoutExpired:
            answer = f"no answer in {SECONDS} seconds"
        if answer:
            return wrong(f"Git's {name} cannot be reached: {answer}", f"git ls-remote {name}")
    ours = f"Git's {', '.join(names)}" if names else "none of Git's"
    with Repo() as repo:
        named = repo.config["core"].get("remote")
        if not named:
            return Found(f"{ours}, none of DVC's: outputs stay here", "docs/team.md")
        if fault := storage_fault(repo, named):
            return wrong(f"DVC's {named} cannot be reached: {fault}", "docs/team.md; for S3: make ready-s3")
    return Found(f"{ours} and DVC's {named} answer")


def storage_fault(repo: "Repo", name: str) -> str:
    """Why a remote of DVC's cannot be reached, in one line; "" where it can."""
    said = [f"no answer in {SECONDS} seconds"]

    def ask() -> None:
        try:
            storage = repo.cloud.get_remote(name=name)
            storage.fs.exists(storage.path)
            said[0] = ""
        except Exception as error:  # each storage has errors of its own
            said[0] = one_line(error)

    asking = threading.Thread(target=ask, daemon=True)  # which some try for minutes
    asking.start()
    asking.join(SECONDS)
    return said[0]


def cache() -> Found:
    """How large DVC's cache is."""
    from dvc.repo import Repo

    with Repo() as repo:
        return Found(f"DVC's has {size(Path(repo.cache.local.path)):.1f} GB; dvc gc --workspace makes it smaller")


def epochs() -> Found:
    """How large the store of computed epochs is."""
    from stages.training.store import STORE, cap

    said = f"{size(STORE):.1f} of at most {cap():g} GB of computed epochs are stored"
    return Found(f"{said}; what was not used for longest makes room")


def size(folder: Path) -> float:
    """Of all files in it, in GB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


LOOKED_AT: dict[str, Callable[[], Found]] = {
    "Python": python, "Git": clone, "disk": disk, "memory": memory, "processor": processor, "GPU": gpu, "data": data,
    "remotes": remotes, "cache": cache, "epochs": epochs,
}  # fmt: skip


def look(at: Callable[[], Found]) -> Found:
    """What is found; where it cannot be looked at, that."""
    try:
        return at()
    except ModuleNotFoundError as error:
        return Found(f"not known: {error.name} is not installed", "make")
    except ProjectError as error:
        said, _, remedy = str(error).partition("; ")
        return wrong(said, remedy)
    except Exception as error:  # whatever a library says of a broken machine is the finding
        return wrong(f"{type(error).__name__}: {one_line(error)}", "docs/help.md")


def main() -> int:
    """The machine -> a line a thing on standard output; how many are wrong."""
    width, wrongs = shutil.get_terminal_size().columns, 0
    for name, at in LOOKED_AT.items():
        found = look(at)
        wrongs += found.wrong
        print(textwrap.fill(
            found.text, width, break_long_words=False, break_on_hyphens=False, subsequent_indent=" " * 17,
            initial_indent=f"{'WRONG' if found.wrong else 'ok':6}{name:11}",
        ))  # fmt: skip
        for line in found.remedy.strip().splitlines():
            print(f"{'':17}-> {line.strip()}", flush=True)
    return wrongs


if __name__ == "__main__":
    sys.exit(min(main(), 1))
