"""Run the pipeline, on the embedded sample if Fashion-MNIST cannot be downloaded: the beginning of `make`.

Exit codes: 2 for wrong parameters, otherwise those of `dvc repro`.
"""

import os
import re
import subprocess
import sys

import yaml

from stages.base.errors import DataUnreachable
from stages.base.params import PARAMS_FILE, read_params
from stages.base.process import run
from stages.data.raw_files import fetch, on_this_machine, read_registry
from tools.git import committed

DVC = [sys.executable, "-m", "dvc"]


def fetch_raw_files() -> None:
    """Download the raw files if the next `dvc repro` needs them.

    Raises:
        DataUnreachable: the files are not on this machine and cannot be downloaded.
    """
    registry = read_registry()
    if on_this_machine(registry):
        return
    is_prepared = [*DVC, "status", "--quiet", "prepare"]  # exits with 0 if `prepare` has nothing to do
    if subprocess.run(is_prepared, check=False).returncode:
        fetch(registry)


def check_way_back() -> None:
    """Check that the data of the last commit are within reach, before `make back` changes anything.

    Raises:
        DataUnreachable: the raw files are not on this machine and cannot be downloaded.
    """
    params = yaml.safe_load(committed(PARAMS_FILE.as_posix()) or "{}")
    if params.get("dataset") == "fashion_mnist":
        fetch(read_registry())


def main() -> None:
    """params.yaml, the raw files -> every output."""
    if sys.argv[1:] == ["--check-way-back"]:
        check_way_back()
        return
    if read_params().dataset == "fashion_mnist":
        try:
            fetch_raw_files()
        except DataUnreachable as error:
            print(f"\n{error.reason}. Running the embedded sample instead: 6,000 of 60,000 training images.")
            print(f"{PARAMS_FILE} now has dataset: sample. With a network, make back returns to Fashion-MNIST.\n")
            sys.stdout.flush()
            text = PARAMS_FILE.read_text(encoding="utf-8")
            PARAMS_FILE.write_text(re.sub(r"(?m)^dataset:.*$", "dataset: sample", text), encoding="utf-8")
    os.execv(sys.executable, [*DVC, "repro"])


if __name__ == "__main__":
    run(main)
