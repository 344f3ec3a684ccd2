"""What besides the inputs decides bytes."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from importlib.metadata import version

import archspec.cpu
import pytest

from stages import PORTABLE
from stages.base import environment as module
from stages.base.environment import LIBRARIES, NAMES, cpu, environment
from stages.base.errors import UserError
from tests.support.workspace import ROOT

x86_64 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="of x86-64")


def test_it_names_the_system_the_class_of_cpu_and_the_libraries_that_compute():
    found = environment()
    assert list(found) == [name for name in NAMES if name != "gpu"]
    assert all(found[name] == version(name) for name in LIBRARIES)


def test_graphics_cards_are_named_where_there_are_any():
    assert environment(["A", "B"])["gpu"] == "A; B"
    assert "gpu" not in environment()


def on(monkeypatch: pytest.MonkeyPatch, system: str, processor: set[str] | None = None) -> None:
    """As on another processor: what the system says of it, and what it says itself."""
    host = archspec.cpu.TARGETS[system]
    monkeypatch.setattr(module.archspec.cpu, "host", lambda: host)
    said = type("Said", (), {"features": host.features if processor is None else processor})
    monkeypatch.setattr(module, "CpuidInfoCollector", said)


@pytest.mark.parametrize("name", ["haswell", "skylake", "cascadelake", "sapphirerapids", "zen", "zen3", "zen5"])
def test_there_is_one_class_of_x86_64(monkeypatch, name: str):
    on(monkeypatch, name)
    assert cpu() == environment()["cpu"] == "x86-64 with AVX2"


@pytest.mark.parametrize(("system", "processor"), [("ivybridge", None), ("x86_64", None), ("haswell", {"avx2", "avx"})])
def test_a_processor_without_avx2_or_fma_is_refused(monkeypatch, system: str, processor: set[str] | None):
    on(monkeypatch, system, processor)
    with pytest.raises(UserError, match="it lacks AVX2 or FMA"):
        environment()


def test_where_the_processor_cannot_be_asked_the_systems_word_counts(monkeypatch):
    def refused() -> None:
        raise PermissionError

    for name, expected in (("zen2", nullcontext()), ("ivybridge", pytest.raises(UserError))):
        on(monkeypatch, name)
        monkeypatch.setattr(module, "CpuidInfoCollector", refused)
        with expected:
            assert cpu() == "x86-64 with AVX2"


@pytest.mark.parametrize(
    ("name", "expected"), [("neoverse_v1", "armv8.4a"), ("m1", "armv8.4a"), ("power9le", "ppc64le")]
)
def test_another_processor_keeps_the_name_that_archspec_has_for_its_level(monkeypatch, name: str, expected: str):
    on(monkeypatch, name)
    assert cpu() == expected


@x86_64
@pytest.mark.process
def test_a_program_has_numpy_and_blas_as_on_a_processor_without_avx512():
    """By the names that this NumPy has for what it may choose between."""
    code = """
import json, os, sys
sys.argv[0] = "-m"
import stages.data.images
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from threadpoolctl import threadpool_info
blas = [each["architecture"] for each in threadpool_info()]
print(json.dumps([__cpu_dispatch__, __cpu_features__, blas, dict(os.environ)]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": "X86_V3", "OPENBLAS_CORETYPE": "Nehalem"},
    )  # fmt: skip
    choices, has, blas, surroundings = json.loads(done.stdout)
    assert surroundings.items() >= PORTABLE.items()  # also where a processor would choose so by itself
    assert choices == ["X86_V3", *PORTABLE["NPY_DISABLE_CPU_FEATURES"].split()]
    assert [name for name in choices if has[name]] == ["X86_V3"]
    assert set(blas) == {"Haswell"}
    assert done.stderr == ""
