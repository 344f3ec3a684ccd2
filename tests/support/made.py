"""Every stage in a process of its own."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.workspace import ROOT, read_terminal, write_params

AS_PROGRAM = "import sys; sys.argv[0] = '-m'\n"  # as Python has it for `python -m`
STAGES = "import stages.prepare, stages.train, stages.evaluate, stages.plot\n" + "".join(
    f"stages.{stage}.main()\n" for stage in ("prepare", "train", "evaluate", "plot")
)


def made(folder: Path, params: dict, *, code: str = STAGES, terminal: bool = False, **environment: str) -> dict:
    """The bytes of every output of every stage, made in a new folder by a process of its own."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(ROOT / "data/fashion_mnist.yaml", folder / "data")
    write_params(folder, **params)
    command = [sys.executable, "-c", AS_PROGRAM + code]
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
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ("data/prepared", "models", "metrics", "plots")
        for path in sorted((folder / part).iterdir())
        if path.is_file()
    }
