"""The environment that affects the bytes of a trained model: operating system, hardware and library versions."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version

import archspec.cpu
import archspec.cpu.detect

LIBRARIES = ("keras", "numpy", "tensorflow")


def has_avx2() -> bool:
    """Return whether an x86-64 CPU has AVX2 and FMA."""
    features = archspec.cpu.host().features
    with suppress(OSError):  # a hardened system forbids code generated at run time
        features &= archspec.cpu.detect.CpuidInfoCollector().features  # QEMU emulates the CPU, but not /proc/cpuinfo
    return {"avx2", "fma"} <= features


def cpu() -> str:
    """Return the class of CPU. Within a class, equal inputs give equal bytes.

    All x86-64 CPUs are one class, since `stages/__init__.py` limits the libraries to AVX2. Others have archspec's name.
    """
    host = archspec.cpu.host()
    return "x86-64 with AVX2" if host.family.name == "x86_64" else host.generic.name


def environment(gpus: Sequence[str] = ()) -> dict[str, str]:
    """Return the operating system, the class of CPU, the graphics cards if any, and the versions of the libraries."""
    return {
        "platform": sys.platform,
        "cpu": cpu(),
        **({"gpu": "; ".join(gpus)} if gpus else {}),
        **{package: version(package) for package in LIBRARIES},
    }
