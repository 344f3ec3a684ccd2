"""What the machine does to a stage: no space, no permission, a signal, another stage beside it. Real processes."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.base.process import LOCK
from stages.train import LIVE
from stages.training.store import STORE
from tests.support.clone import Clone
from tests.support.documents import documented, missing
from tests.support.made import needs_emulator, on_processor
from tests.support.workspace import ROOT, snapshot, write_params
from tests.support.wrong_inputs import images


def command(stage: str) -> list[str]:
    return [sys.executable, "-m", f"stages.{stage}"]


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def assert_documented(what: str, process: subprocess.Popen[str], *, lines: int = 1) -> None:
    """The process ends with the documented code, and all that it prints on stderr is the documented line."""
    _, printed = process.communicate(timeout=120)
    last = printed.splitlines()[-1] if printed else ""
    assert what in documented(), missing(what, last, process.returncode)
    line, code, _ = documented()[what]
    assert process.returncode == code, printed
    assert re.fullmatch(line, last), printed
    assert len(printed.splitlines()) == lines, printed


def namespace_works() -> bool:
    """Whether this system lets us mount a small disk in a namespace of our own."""
    probe = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


needs_namespace = pytest.mark.skipif(not namespace_works(), reason="no mount namespace on this system")


def on_a_small_disk(folder: Path, stage: str, kilobytes: int, *, then: str = "true", **environment: str):
    """Run a stage in a copy of the folder on a disk of its own, with so much room left."""
    disk = folder.with_name("disk")
    disk.mkdir(exist_ok=True)
    quoted, source = shlex.quote(str(disk)), shlex.quote(str(folder))
    sums = f"cksum $(find . -type f ! -name {LOCK.name} ! -name {LIVE.name} | sort)"
    script = (
        f"mount -t tmpfs tmpfs {quoted} && cp -r {source}/. {quoted} && cd {quoted} && "
        f"used=$(df --output=used -k . | tail -1) && mount -o remount,size=$((used + {kilobytes}))k {quoted} && "
        f'before="$({sums})" && {then} && {shlex.join(command(stage))}; code=$?; '
        f'[ $code = 0 ] || [ "$before" = "$({sums})" ] || echo files changed >&2; exit $code'
    )
    return start("unshare", "--map-root-user", "--mount", "sh", "-c", script, **environment)


@needs_namespace
@pytest.mark.parametrize(("stage", "kilobytes"), [
    ("check", 0), ("prepare", 60), ("train", 0), ("train", 300), ("evaluate", 4), ("plot", 20),
])  # fmt: skip
def test_a_full_disk(complete: Path, stage: str, kilobytes: int):
    process = on_a_small_disk(complete, stage, kilobytes, MPLCONFIGDIR=str(complete))
    assert_documented("no space left on the disk", process)


@needs_namespace
@pytest.mark.acceptance
@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate", "plot"])
def test_a_disk_that_fills_at_any_moment(complete: Path, stage: str):
    """From no room at all, a page or a few more at a time, until there is enough."""
    refused = 0
    for kilobytes in range(0, 2000, 4 if stage == "evaluate" else 24):
        process = on_a_small_disk(complete, stage, kilobytes, MPLCONFIGDIR=str(complete))
        _, printed = process.communicate(timeout=120)
        if process.returncode == 0:
            break
        assert re.fullmatch(documented()["no space left on the disk"][0] + "\n", printed), (kilobytes, printed)
        refused += 1
    print(f"{stage}: refused {refused} times, ran with {kilobytes} KiB")
    assert refused
    assert process.returncode == 0


@needs_namespace
@pytest.mark.acceptance
def test_a_disk_that_is_full_for_dvc_itself_and_the_way_back(digits_clone: Clone, tmp_path: Path):
    digits_clone.lend_environment()
    script = f"""
        mount -t tmpfs tmpfs {tmp_path} && cp -a . {tmp_path} && cd {tmp_path} || exit 10  # -a: make goes by the times
        sums() {{ cat params.yaml dvc.lock metrics/* plots/[!l]* models/* data/prepared/* | cksum; }}
        before=$(sums)
        for room in 8 120 200; do
            sed -i "s/^dropout: .*/dropout: 0.$room/" params.yaml
            mount -o remount,size=$(($(df --output=used -k . | tail -1) + room))k . || exit 11
            dvc repro && exit 12
            mount -o remount,size=1g . && make back || exit 13
            [ "$before" = "$(sums)" ] || exit 14
            [ -z "$(git status --porcelain)" ] || exit 15
        done
    """
    done = digits_clone.run("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    assert len(re.findall("No space left on device|No possible cache link types", done.stderr)) >= 3


@needs_namespace
def test_no_folder_for_temporary_files(complete: Path):
    # Python tries TMPDIR, /tmp, /var/tmp, /usr/tmp and the working folder; the repository may itself lie in one
    closed = " && ".join(
        f"mount --rbind {place} {place} && mount -o remount,bind,ro {place}" for place in ("/tmp", "/var/tmp")
    )
    process = on_a_small_disk(complete, "train", 100, then=f"mount -o remount,ro . && {closed}", TMPDIR="/tmp")
    assert_documented("no folder for temporary files can be written", process)


@needs_emulator
@pytest.mark.parametrize("stage", ["check", "train"])
@pytest.mark.parametrize("cpu", ["Haswell,-avx2", "Nehalem"])
def test_a_processor_without_avx2(complete: Path, stage: str, cpu: str):
    before = snapshot(complete)
    process = start(*on_processor(cpu), *command(stage))
    printed, said = process.communicate(timeout=120)
    line, code, _ = documented()["a processor without AVX2"]
    lines = [each for each in said.splitlines() if "TCG doesn't support" not in each]  # QEMU's own, of what it lacks
    assert (process.returncode, printed, len(lines)) == (code, "", 1)
    assert re.fullmatch(line, lines[0])
    assert snapshot(complete) == before


@needs_namespace
@pytest.mark.parametrize("stage", ["check", "train"])
def test_a_read_only_checkout(complete: Path, stage: str):
    process = on_a_small_disk(complete, stage, 100, then="mount -o remount,ro .", MPLCONFIGDIR="/tmp")
    assert_documented("a read-only checkout", process)


@needs_namespace
@pytest.mark.parametrize(("options", "why"), [("ro", "Read-only file system"), ("size=8k", "No space left on device")])
def test_a_store_of_epochs_that_cannot_be_written_is_said_and_done_without(complete: Path, options: str, why: str):
    expected = {path: path.read_bytes() for path in (complete / "models").glob("*model*")}
    shutil.rmtree(complete / STORE)
    mount = f"mkdir {STORE} && mount -t tmpfs -o {options} tmpfs {STORE}"
    script = f"{mount} && rm models/*model* && {shlex.join(command('train'))}"
    process = start("unshare", "--map-root-user", "--mount", "sh", "-c", script)
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said == f"{STORE} cannot be written ({why}): training goes on without it\n"
    assert "epochs 1-2 computed" in printed
    assert {path: path.read_bytes() for path in expected} == expected


def unprivileged(*words: str, **environment: str) -> subprocess.Popen[str]:
    """For root, give up the privilege to read and write whatever one likes."""
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return start(*drop, *words, **environment)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may do anything")
def test_no_permission(complete: Path):
    before = snapshot(complete)
    (complete / "models").chmod(0o500)
    assert_documented("no permission to write", unprivileged(*command("train")))
    (complete / "models").chmod(0o700)
    (complete / "models/best-model.keras").chmod(0)
    assert_documented("no permission to read", unprivileged(*command("evaluate")))
    (complete / "models/best-model.keras").chmod(0o600)
    assert snapshot(complete) == before


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may do anything")
@pytest.mark.parametrize(("path", "mode"), [("mine/cat/1.png", 0), ("mine/cat", 0o300), ("mine/cat", 0o600)])
def test_no_permission_to_read_pictures(workspace: Path, path: str, mode: int):
    images(skip_unreadable=True)(workspace)
    (workspace / path).chmod(mode)
    assert_documented("images: no permission to read", unprivileged(*command("check")))
    (workspace / path).chmod(0o700)  # or pytest could not delete it


def test_a_folder_in_the_place_of_an_output_or_a_file_in_that_of_a_folder(complete: Path):
    shutil.rmtree(complete / "metrics")
    (complete / "metrics/data.json").mkdir(parents=True)
    before = snapshot(complete)
    assert_documented("a folder in the place of an output", start(*command("prepare")))
    assert snapshot(complete) == before
    shutil.rmtree(complete / "metrics")
    (complete / "metrics").touch()
    assert_documented("a file in the place of a folder", start(*command("prepare")))


def wait_until(happened, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("what", "number"), [("Ctrl-C in training", signal.SIGINT), ("SIGTERM", signal.SIGTERM)]
)  # fmt: skip
def test_a_signal_in_training(complete: Path, what: str, number: int):
    before = snapshot(complete)
    write_params(complete, dataset="digits", epochs=100_000, patience=None)
    process = start(*command("train"))
    wait_until((complete / "models/.unfinished-best-model.keras").exists)
    process.send_signal(number)
    assert_documented(what, process)
    write_params(complete, dataset="digits", epochs=2)
    assert snapshot(complete) == before


def test_a_signal_while_modules_are_imported(complete: Path):
    (complete / "numpy.py").write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)")
    process = start(*command("prepare"), PYTHONPATH=f"{complete}{os.pathsep}{ROOT}")
    assert_documented("Ctrl-C while modules are imported", process)


def test_a_stage_waits_for_another_in_its_workspace_and_says_so(complete: Path):
    write_params(complete, dataset="digits", epochs=100_000, patience=None)
    first = start(*command("train"))
    wait_until((complete / "models/.unfinished-best-model.keras").exists)
    write_params(complete, dataset="digits", epochs=2)
    second = start(*command("check"))
    time.sleep(2)
    assert second.poll() is None
    first.kill()  # the system takes its lock back
    first.communicate()
    _, printed = second.communicate(timeout=60)
    assert (second.returncode, printed) == (0, "another stage still runs in this workspace: waiting for it to end\n")


def test_a_training_whose_dvc_is_gone_writes_nothing(complete: Path):
    before = snapshot(complete)
    write_params(complete, dataset="digits", epochs=100_000, patience=None)
    # a parent that starts the stage as DVC does, and is killed
    code = f"import subprocess; subprocess.run({command('train')!r})"
    parent = start(sys.executable, "-c", code, DVC_STAGE="train", DVC_ROOT=str(complete.with_name("elsewhere")))
    wait_until((complete / "models/.unfinished-best-model.keras").exists)
    parent.kill()
    _, printed = parent.communicate(timeout=60)  # ends when the orphan, which holds the pipe, ends
    line, *_ = documented()["the dvc that started the stage is gone"]
    assert re.fullmatch(line + "\n", printed)
    write_params(complete, dataset="digits", epochs=2)
    assert snapshot(complete) == before
