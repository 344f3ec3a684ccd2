"""A group of trainings as a process of its own: `python -m seeds.worker`, started by a Dask worker.

Reads one line of JSON from standard input: the group, whether to keep its epochs, and the environment of the machine
that asks. Writes the results as JSON to standard output. Exits as soon as standard input closes: then nobody waits for
the results any more.
"""

import json
import os
import sys
import threading

from seeds.training import environment_here, train_group, trainings_from
from stages.base.errors import ProjectError
from stages.base.process import run


def main() -> None:
    """Train the group on standard input -> its results on standard output."""
    task = json.loads(sys.stdin.readline())

    def watch() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    here = environment_here()
    if here != task["environment"]:
        raise ProjectError(
            f"a worker computes with {here}, expected as on the machine that asks: {task['environment']}"
        )
    print(train_group(trainings_from(task["group"]), task["store"]), flush=True)


if __name__ == "__main__":
    run(main)
