"""A command as a process of its own, measured from outside; and the machine that it runs on."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import archspec.cpu

from stages.base.errors import ProjectError

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


class Measured(NamedTuple):
    """One process, from its start to its end."""

    seconds: float
    peak: int  # bytes of resident memory: the largest process of the tree, not their sum
    lines: list[tuple[float, str]]  # standard output: seconds since the start, and the line


def measure(command: list[str], folder: Path, env: dict[str, str]) -> Measured:
    """Run a command in a folder and wait for its end.

    The peak is `ru_maxrss` as the operating system hands it to the parent: it counts the children that the process
    has waited for. On Linux it cannot be less than what this process itself holds, which is little: nothing here
    imports TensorFlow.

    Raises:
        ProjectError: the command fails; its output has been shown.
    """
    with tempfile.TemporaryFile() as noise:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=noise, text=True)
        lines = [(time.perf_counter() - start, line.rstrip("\n")) for line in process.stdout]
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        if process.returncode:
            noise.seek(0)
            print(*(line for _, line in lines), noise.read().decode(errors="replace"), sep="\n", file=sys.stderr)
            raise ProjectError(f"{' '.join(command)}: exit {process.returncode}")
    return Measured(seconds, usage.ru_maxrss * MAXRSS_UNIT, lines)


def machine() -> dict[str, str | int | float]:
    """Processor, memory, operating system, and the packages that the time depends on; nothing that names it."""
    return {
        "processor": archspec.cpu.brand_string() or platform.processor(),
        "class of processor": archspec.cpu.host().generic.name,
        "cores": os.cpu_count(),
        "memory, GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "operating system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("tensorflow", "keras", "numpy", "dvc")},
    }
