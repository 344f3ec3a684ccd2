"""Imported by every Python whose PYTHONPATH names this folder: kills the train stage at a chosen moment.

KILL_AT is "event:part:count:whom": at the count-th audit event of that name with that part in its first argument,
SIGKILL goes to "group" (dvc and the stage), or to "dvc" alone. Nothing in the project knows of it.
"""

import os
import signal
import sys

if "KILL_AT" in os.environ and os.environ.get("DVC_STAGE") == "train":
    event, part, count, whom = os.environ["KILL_AT"].split(":")
    left = int(count)

    def kill(name: str, arguments: tuple) -> None:
        global left  # noqa: PLW0603
        if name == event and part in str(arguments[0]):
            left -= 1
            if left == 0:
                if whom == "dvc":
                    os.kill(os.getsid(0), signal.SIGKILL)  # not the parent: that may be a shell
                else:
                    os.killpg(os.getpgrp(), signal.SIGKILL)

    sys.addaudithook(kill)
