"""The class of CPU, the library versions and the environment variables that decide bytes."""

import json
import os
import sys
from importlib.metadata import version

import archspec.cpu
import pytest

from stages.base.environment import LIBRARIES, cpu, environment, has_avx2
from tests.support.workspace import ROOT, python


def test_the_environment_names_system_cpu_graphics_cards_and_library_versions():
    assert list(environment(["A", "B"])) == ["platform", "cpu", "gpu", *LIBRARIES]
    assert environment(["A", "B"])["gpu"] == "A; B"
    assert environment() == {"platform": sys.platform, "cpu": cpu()} | {name: version(name) for name in LIBRARIES}


@pytest.mark.parametrize(
    ("name", "features", "class_of_cpu", "avx2"),
    [
        ("haswell", None, "x86-64 with AVX2", True),
        ("zen5", None, "x86-64 with AVX2", True),
        ("ivybridge", None, "x86-64 with AVX2", False),
        ("haswell", {"avx2"}, "x86-64 with AVX2", False),  # emulated, without FMA
        ("m1", None, "armv8.4a", False),
    ],
)
def test_all_x86_64_cpus_are_one_class_and_one_without_avx2_is_recognized(
    monkeypatch, name: str, features: set[str] | None, class_of_cpu: str, avx2: bool
):
    host = archspec.cpu.TARGETS[name]
    monkeypatch.setattr(archspec.cpu, "host", lambda: host)
    collector = type("Collector", (), {"features": features or host.features})
    monkeypatch.setattr(archspec.cpu.detect, "CpuidInfoCollector", collector)
    assert (cpu(), has_avx2()) == (class_of_cpu, avx2)


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
