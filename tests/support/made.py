"""Every stage in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.workspace import ROOT, new_workspace

NAMES = ("prepare", "train", "evaluate", "plot")
STAGES = f"import {', '.join(f'stages.{stage}' for stage in NAMES)}\n" + "".join(
    f"stages.{stage}.main()\n" for stage in NAMES
)
OUTPUTS = ("data/prepared/*", "models/*", "metrics/*", "plots/*")

EMULATOR = "qemu-x86_64"  # QEMU's user mode: Debian's package qemu-user
needs_emulator = pytest.mark.skipif(
    os.uname().machine != "x86_64" or not shutil.which(EMULATOR),
    reason=f"no {EMULATOR} here, which emulates processors",
)


def on_processor(cpu: str) -> list[str]:
    """Return what comes before a command to emulate a processor, by QEMU's name. Children are not emulated."""
    return [EMULATOR, "-cpu", cpu]


def run_code(folder: Path, code: str, *, cpu: str | None = None, **environment: str) -> None:
    """Run code in a folder as a program of the project."""
    command = [sys.executable, "-c", code]
    if cpu:  # and not on this machine's, as a process would that starts Python anew
        is_it = (
            f"from archspec.cpu.detect import CpuidInfoCollector; assert {cpu!r} in CpuidInfoCollector().brand_string()"
        )
        command = [*on_processor(cpu), *command[:-1], f"{command[-1]}\n{is_it}"]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def outputs_in(folder: Path, patterns: tuple[str, ...] = OUTPUTS) -> dict[str, bytes]:
    """Return files by their paths in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def made(folder: Path, params: dict, *, code: str = STAGES, **surroundings) -> dict[str, bytes]:
    """Return the bytes of every output of every stage, made in a new folder by a process of its own."""
    new_workspace(folder, **params)
    run_code(folder, code, **surroundings)
    return outputs_in(folder)
