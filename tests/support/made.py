"""Every stage in a process of its own."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.train import LIVE
from tests.support.workspace import ROOT, read_terminal, write_params

AS_PROGRAM = "import sys; sys.argv[0] = '-m'\n"  # as Python has it for `python -m`
NAMES = ("check", "prepare", "train", "evaluate", "plot")
STAGES = f"import {', '.join(f'stages.{stage}' for stage in NAMES)}\n" + "".join(
    f"stages.{stage}.main()\n" for stage in NAMES
)
OUTPUTS = ("data/*.json", "data/prepared/*", "models/*", "metrics/*", "plots/*")

EMULATOR = "qemu-x86_64"  # QEMU's user mode: Debian's package qemu-user
needs_emulator = pytest.mark.skipif(
    os.uname().machine != "x86_64" or not shutil.which(EMULATOR),
    reason=f"no {EMULATOR} here, which emulates processors",
)


def on_processor(cpu: str) -> list[str]:
    """What stands before a command that is to run on another processor, by QEMU's name. A child of it is not."""
    return [EMULATOR, "-cpu", cpu]


def run_code(folder: Path, code: str, *, terminal: bool = False, cpu: str | None = None, **environment: str) -> None:
    """Run code in a folder as a program of the project's."""
    command = [sys.executable, "-c", AS_PROGRAM + code]
    if cpu:  # and not this machine's, which a process would be on that had started Python anew
        is_it = (
            f"from archspec.cpu.detect import CpuidInfoCollector; assert {cpu!r} in CpuidInfoCollector().brand_string()"
        )
        command = [*on_processor(cpu), *command[:-1], f"{command[-1]}\n{is_it}"]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    if terminal:
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, cwd=folder, env=surroundings, stdin=theirs, stdout=theirs, stderr=theirs) as run:
            os.close(theirs)
            shown = b""
            while block := read_terminal(ours):
                shown += block
        assert run.returncode == 0, shown.decode()
        assert b"epoch 2 of 2" in shown  # the live display
    else:
        done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def begin(folder: Path, params: dict) -> None:
    """What the stages need in a new folder."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(ROOT / "data/fashion_mnist.yaml", folder / "data")
    write_params(folder, **params)


def outputs_in(folder: Path, patterns: tuple[str, ...] = OUTPUTS) -> dict[str, bytes]:
    """Files by their paths in a folder, but for the table of the last training, which is no output."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file() and path.name != LIVE.name
    }


def made(folder: Path, params: dict, *, code: str = STAGES, **surroundings) -> dict[str, bytes]:
    """The bytes of every output of every stage, made in a new folder by a process of its own."""
    begin(folder, params)
    run_code(folder, code, **surroundings)
    return outputs_in(folder)
