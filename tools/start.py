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
    """Download the raw files if the next `dvc repro` needs them and they are not on this machine."""
    registry = read_registry()
    status = [*DVC, "status", "--quiet", "prepare"]  # exits with 0 if `prepare` has nothing to do
    if not on_this_machine(registry) and subprocess.run(status, check=False).returncode:
        fetch(registry)


def check_way_back() -> None:
    """Raise DataUnreachable if the data of the last commit cannot be had, before `make back` changes anything."""
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
            print(
                f"{PARAMS_FILE} now has dataset: sample. With a network, make back returns to Fashion-MNIST.\n",
                flush=True,
            )
            text = PARAMS_FILE.read_text(encoding="utf-8")
            PARAMS_FILE.write_text(re.sub(r"(?m)^dataset:.*$", "dataset: sample", text), encoding="utf-8")
    os.execv(sys.executable, [*DVC, "repro"])


if __name__ == "__main__":
    run(main)
