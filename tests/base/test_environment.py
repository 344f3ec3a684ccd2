"""The class of CPU, the library versions and the environment variables that decide bytes."""

import json
import os
import sys
from importlib.metadata import version

import archspec.cpu
import pytest

from stages.base.environment import LIBRARIES, NAMES, cpu, environment, has_avx2
from tests.support.workspace import ROOT, python


def test_the_environment_names_system_cpu_graphics_cards_and_library_versions():
    assert list(environment(["A", "B"])) == list(NAMES)
    assert environment(["A", "B"])["gpu"] == "A; B"
    assert environment() == {"platform": sys.platform, "cpu": cpu()} | {name: version(name) for name in LIBRARIES}


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, features: set[str] | None = None) -> None:
    """Run on a CPU with archspec's name, and with the features that the CPU itself reports."""
    host = archspec.cpu.TARGETS[name]
    monkeypatch.setattr(archspec.cpu, "host", lambda: host)
    collector = type("Collector", (), {"features": host.features if features is None else features})
    monkeypatch.setattr(archspec.cpu.detect, "CpuidInfoCollector", collector)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("haswell", "x86-64 with AVX2"), ("sapphirerapids", "x86-64 with AVX2"), ("zen5", "x86-64 with AVX2"),
     ("neoverse_v1", "armv8.4a"), ("m1", "armv8.4a")],
)  # fmt: skip
def test_all_x86_64_cpus_are_one_class_and_others_have_archspecs_name(monkeypatch, name, expected):
    pretend(monkeypatch, name)
    assert cpu() == expected


@pytest.mark.parametrize(
    ("name", "features", "expected"), [("zen2", None, True), ("ivybridge", None, False), ("haswell", {"avx2"}, False)]
)
def test_a_cpu_without_avx2_or_fma_is_recognized(monkeypatch, name, features, expected):
    pretend(monkeypatch, name, features)
    assert has_avx2() is expected


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86-64 only")
@pytest.mark.process
def test_the_variables_that_decide_bits_are_set_whatever_the_shell_sets():
    code = """
import json, os
import stages.data.images
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from threadpoolctl import threadpool_info
print(json.dumps([dict(os.environ), [name for name in __cpu_dispatch__ if __cpu_features__[name]],
                  [each["architecture"] for each in threadpool_info()]]))
"""
    overridden = {
        "KERAS_BACKEND": "torch", "TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_MAX_CPU_ISA": "DEFAULT", "XLA_FLAGS": "--x",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3", "OPENBLAS_CORETYPE": "Nehalem",
    }  # fmt: skip
    untouched = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2"}
    done = python("-W", "error", "-c", code, folder=ROOT, **overridden, **untouched)
    variables, numpy, blas = json.loads(done.stdout)
    assert (numpy, set(blas)) == (["X86_V3"], {"Haswell"})
    expected = {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    assert variables.items() >= (expected | untouched).items()
    assert "XLA_FLAGS" not in variables
