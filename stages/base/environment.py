"""What besides the inputs decides the bytes of a trained model."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

import archspec.cpu


def environment(gpus: Sequence[str] = ()) -> dict[str, str]:
    """The operating system, the class of CPU or the graphics cards, and the versions of the libraries that compute.

    The class is archspec's name of the instruction set level (x86_64_v3 has AVX2, x86_64_v4 AVX-512): the
    libraries choose their code by it, and another order of sums gives other last bits.
    """
    return {
        "platform": sys.platform,
        "cpu": archspec.cpu.host().generic.name,
        **({"gpu": "; ".join(gpus)} if gpus else {}),
        **{package: version(package) for package in ("keras", "numpy", "tensorflow")},
    }
