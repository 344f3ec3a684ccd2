"""The machine that a benchmark ran on; nothing that names it or says when."""

import os
import platform
from importlib.metadata import version

import archspec.cpu

from stages.core.environment import environment


def machine() -> dict[str, str | int | float]:
    """Processor, memory, operating system, and the packages that the time depends on."""
    return {
        "processor": archspec.cpu.brand_string() or platform.processor(),
        "class of processor": environment()["cpu"],
        "cores": os.cpu_count(),
        "memory, GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "operating system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("tensorflow", "keras", "numpy", "dvc")},
    }
