"""What besides the inputs decides the bytes of a trained model."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

import archspec.cpu
from archspec.cpu.detect import CpuidInfoCollector

from stages.base.errors import UserError

LIBRARIES = ("keras", "numpy", "tensorflow")
NAMES = ("platform", "cpu", "gpu", *LIBRARIES)  # of what metrics/environment.json says; gpu where there is one


def cpu() -> str:
    """The class of CPU; within one, equal inputs give equal bytes.

    On x86-64 there is one: the libraries that compute are kept from choosing other code where a processor has more than
    AVX2 and FMA (`stages/__init__.py`, `stages/training/backend.py`). Others have archspec's name.

    Raises:
        UserError: an x86-64 processor without AVX2 or FMA.
    """
    host = archspec.cpu.host()
    if host.family.name != "x86_64":
        return host.generic.name
    # What the system lets programs use, and what the processor itself says: QEMU emulates one without its /proc/cpuinfo
    try:
        said = CpuidInfoCollector().features
    except OSError:  # a hardened system: no code that is made at run time
        said = host.features
    if not {"avx2", "fma"} <= host.features & said:
        raise UserError(
            "the results cannot be made on this processor: it lacks AVX2 or FMA, "
            "which Intel's have since 2013, AMD's since 2015"
        )
    return "x86-64 with AVX2"


def environment(gpus: Sequence[str] = ()) -> dict[str, str]:
    """The operating system, the class of CPU or the graphics cards, and the versions of the libraries that compute."""
    return {
        "platform": sys.platform,
        "cpu": cpu(),
        **({"gpu": "; ".join(gpus)} if gpus else {}),
        **{package: version(package) for package in LIBRARIES},
    }
