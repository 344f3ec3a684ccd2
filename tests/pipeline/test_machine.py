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
from stages.training.store import STORE
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


needs_namespace = pytest.mark.skipif(not namespace_works(), reason="no mount namespace on this system")


def on_a_small_disk(folder: Path, stage: str, kilobytes: int, *, then: str = "true") -> subprocess.Popen[str]:
    """Run a stage in a copy of the folder on a disk of its own with this much room; a line more if a file changed."""
    disk = folder.with_name("disk")
    disk.mkdir(exist_ok=True)
    quoted, source = shlex.quote(str(disk)), shlex.quote(str(folder))
    sums = f"cksum $(find . -type f ! -name {LOCK.name} | sort)"
    script = (
        f"mount -t tmpfs tmpfs {quoted} && cp -r {source}/. {quoted} && cd {quoted} && "
        f"used=$(df --output=used -k . | tail -1) && mount -o remount,size=$((used + {kilobytes}))k {quoted} && "
        f'before="$({sums})" && {then} && {shlex.join(command(stage))}; code=$?; '
        f'[ $code = 0 ] || [ "$before" = "$({sums})" ] || echo files changed >&2; exit $code'
    )
    return start("unshare", "--map-root-user", "--mount", "sh", "-c", script, MPLCONFIGDIR=str(folder))


@needs_namespace
@pytest.mark.parametrize(("stage", "kilobytes"), [("prepare", 60), ("train", 300), ("plot", 20)])
def test_a_full_disk(complete: Path, stage: str, kilobytes: int):
    assert_ends(on_a_small_disk(complete, stage, kilobytes), 1, "No space left on device")


@needs_namespace
@pytest.mark.acceptance
@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate", "plot"])
def test_a_disk_that_fills_at_any_moment(complete: Path, stage: str):
    """From no room at all, a page or a few more at a time, until there is enough."""
    for kilobytes in range(0, 2000, 4 if stage == "evaluate" else 24):
        process = on_a_small_disk(complete, stage, kilobytes)
        _, printed = process.communicate(timeout=120)
        if process.returncode == 0:
            break
        assert (process.returncode, len(printed.splitlines())) == (1, 1), (kilobytes, printed)
        assert "No space left on device" in printed
    print(f"{stage}: ran with {kilobytes} KiB")
    assert process.returncode == 0
    assert kilobytes


@needs_namespace
def test_a_read_only_checkout(complete: Path):
    process = on_a_small_disk(complete, "prepare", 100, then="mount -o remount,ro .")
    assert_ends(process, 1, "Read-only file system")


@needs_namespace
def test_without_a_store_of_epochs_the_outputs_are_the_same(complete: Path):
    expected = {path: path.read_bytes() for path in (complete / "models").glob("*model*")}
    shutil.rmtree(complete / STORE)
    mount = f"mkdir {STORE} && mount -t tmpfs -o ro tmpfs {STORE}"
    script = f"{mount} && rm models/*model* && {shlex.join(command('train'))}"
    assert_ends(start("unshare", "--map-root-user", "--mount", "sh", "-c", script), 0, f"{STORE} cannot be written")
    assert {path: path.read_bytes() for path in expected} == expected


@needs_emulator
@pytest.mark.parametrize(("stage", "cpu"), [("prepare", "Nehalem"), ("train", "Haswell,-avx2")])
def test_a_processor_without_avx2(complete: Path, stage: str, cpu: str):
    before = snapshot(complete)
    assert_ends(start(*on_processor(cpu), *command(stage)), 2, "AVX2")
    assert snapshot(complete) == before


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may do anything")
def test_no_permission(complete: Path):
    before = snapshot(complete)
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    (complete / "data/prepared").chmod(0o500)
    assert_ends(start(*unprivileged, *command("prepare")), 1, "data/prepared", "Permission denied")
    (complete / "data/prepared").chmod(0o700)
    (complete / "models/best-model.keras").chmod(0)
    assert_ends(start(*unprivileged, *command("evaluate")), 2, "models/best-model.keras", "Permission denied")
    (complete / "models/best-model.keras").chmod(0o600)
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
    assert_ends(process, 128 + number, name, "epoch", "same command continues")
    write_params(complete, **SMALL, epochs=2)
    assert snapshot(complete) == before
