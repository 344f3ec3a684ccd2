"""What the machine does to a stage: no space, no permission, another CPU, a signal. Real processes."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.base.process import LOCK
from tests.support.made import needs_emulator, on_processor
from tests.support.workspace import ROOT, SMALL, snapshot, write_params


def command(stage: str) -> list[str]:
    return [sys.executable, "-m", f"stages.{stage}"]


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def assert_ends(process: subprocess.Popen[str], code: int, *keywords: str) -> None:
    """Assert that the process ends with this code, and with one line on standard error that has these words."""
    _, printed = process.communicate(timeout=120)
    lines = [line for line in printed.splitlines() if "TCG doesn't support" not in line]  # QEMU's own
    assert (process.returncode, len(lines)) == (code, 1), printed
    assert all(keyword in lines[0] for keyword in keywords), printed


def namespace_works() -> bool:
    """Return whether this system lets us mount a small disk in a namespace of our own."""
    probe = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not namespace_works(), reason="no mount namespace on this system")
@pytest.mark.parametrize(("stage", "kilobytes"), [("prepare", 60), ("train", 300), ("plot", 20)])
def test_a_full_disk(complete: Path, stage: str, kilobytes: int):
    """In a copy of the folder on a disk of its own with this much room."""
    disk = complete.with_name("disk")
    disk.mkdir()
    quoted, source = shlex.quote(str(disk)), shlex.quote(str(complete))
    sums = f"cksum $(find . -type f ! -name {LOCK.name} | sort)"
    script = (
        f"mount -t tmpfs tmpfs {quoted} && cp -r {source}/. {quoted} && cd {quoted} && "
        f"used=$(df --output=used -k . | tail -1) && mount -o remount,size=$((used + {kilobytes}))k {quoted} && "
        f'before="$({sums})" && {shlex.join(command(stage))}; code=$?; '
        f'[ "$before" = "$({sums})" ] || echo files changed >&2; exit $code'
    )
    process = start("unshare", "--map-root-user", "--mount", "sh", "-c", script, MPLCONFIGDIR=str(complete))
    assert_ends(process, 1, "No space left on device")


@needs_emulator
@pytest.mark.parametrize(("stage", "cpu"), [("prepare", "Nehalem"), ("train", "Haswell,-avx2")])
def test_a_processor_without_avx2(complete: Path, stage: str, cpu: str):
    before = snapshot(complete)
    assert_ends(start(*on_processor(cpu), *command(stage)), 2, "AVX2")
    assert snapshot(complete) == before


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_in_training(complete: Path, number: int, name: str):
    before = snapshot(complete)
    write_params(complete, **SMALL, epochs=100_000, patience=None)
    # a shell ignores SIGINT for what it runs in the background, and children inherit that
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process = start(sys.executable, "-c", f"{listen}; from stages.train import main, run; run(main)")
    end = time.monotonic() + 60
    while not (complete / "models/.unfinished-best-model.keras").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    assert_ends(process, 128 + number, name, "epoch")
    write_params(complete, **SMALL, epochs=2)
    assert snapshot(complete) == before
