"""Create every output of the last commit again, in a clone without a cache or stored epochs, and compare the bytes.

Exit codes: 0 if all outputs have the committed bytes, 1 if some differ or a stage failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from stages.base.errors import ProjectError
from stages.base.process import run
from stages.data.raw_files import raw_folders


def main() -> None:
    """The last commit -> the names of the outputs that differ."""
    argparse.ArgumentParser(prog="python -m tools.verify", description=__doc__.split("\n", 1)[0]).parse_args()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    # The clone reads the raw files of this checkout, so that nothing is downloaded.
    folder = next((folder for folder in reversed(raw_folders()) if folder.is_dir()), Path("data/raw"))
    environment["FASHION_MNIST_DIR"] = str(folder.resolve())
    with tempfile.TemporaryDirectory(prefix="verify-") as clone:
        dvc = [sys.executable, "-m", "dvc"]
        for command in (["git", "clone", "--quiet", str(Path.cwd()), clone], [*dvc, "repro", "--force"]):
            if subprocess.run(command, cwd=clone, env=environment, check=False).returncode:
                raise ProjectError(f"{' '.join(command[-2:])} failed in a clone of the last commit, see above")
        # dvc.lock has the checksum of every output, including those that are not in Git.
        if subprocess.run(["git", "diff", "HEAD", "--exit-code", "--stat"], cwd=clone, check=False).returncode:
            subprocess.run([*dvc, "diff"], cwd=clone, env=environment, check=False)
            raise ProjectError("these outputs differ from the committed ones")
    print("every output has the committed bytes")


if __name__ == "__main__":
    run(main)
