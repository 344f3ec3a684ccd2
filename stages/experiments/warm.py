"""`dvc`, and the stages that it starts, as forks of a process that has loaded their libraries: a sweep starts hundreds.

Each is a process of its own, with the arguments, the environment, the folder and the parent that it would have, and it
imports our sources itself. No library computes anything before a fork, so the bytes are those of other processes.

`python -m` this is the process. A line of JSON on standard input starts `dvc`: its arguments, what is set in its
environment, and the file that gets what it prints. Two lines on standard output answer: its number, and its exit code.
"""

import atexit
import gc
import importlib
import json
import logging
import os
import re
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

# To have what the stages and `dvc exp run` import, TensorFlow first and as the stages set it up.
LIBRARIES = (
    "stages.training.backend", "stages.training.callbacks", "stages.training.display", "stages.training.epochs",
    "stages.check", "stages.prepare", "stages.train", "stages.evaluate", "stages.plot", "sklearn.metrics",
    "scipy.stats", "celery.canvas", "dulwich.porcelain", "dulwich.stash",
    "dulwich.worktree", "dvc.cachemgr", "dvc.cli.parser", "dvc.commands.experiments.run", "dvc.daemon",
    "dvc.data_cloud", "dvc.repo.artifacts", "dvc.repo.datasets", "dvc.repo.experiments.queue.celery",
    "dvc.repo.experiments.queue.workspace", "dvc.repo.experiments.run", "dvc.repo.graph", "dvc.repo.index",
    "dvc.repo.open_repo", "dvc.repo.plots", "dvc.repo.stage", "dvc.utils.hydra", "dvc.utils.strictyaml", "dvc_data.fs",
    "dvc_data.hashfile.status", "dvc_data.index.checkout", "dvc_studio_client.post_live_metrics",
    "dvc_task.proc.manager", "hydra.utils", "networkx", "platformdirs", "ruamel.yaml",
    "scmrepo.git.backend.pygit2.filter",
)  # fmt: skip
COMMAND = Path("/proc/self/comm")  # what `ps` and `top` show
STAGE = re.compile(r"python3 -m (stages\.\w+)")

# On macOS the system's own libraries do not bear a fork, nor does a graphics card's driver. There nothing is loaded
# beforehand, and DVC starts its stages itself.
IS_WARM = sys.platform == "linux" and not Path("/dev/nvidiactl").exists()


def main() -> None:
    """Start one `dvc` after the other."""
    if IS_WARM:
        for name in LIBRARIES:
            importlib.import_module(name)
        gc.freeze()  # what all forks share stays shared
    for line in sys.stdin:
        child = _forked(_dvc, *json.loads(line))
        print(child, flush=True)
        print(_exit_code(child), flush=True)


def _forked(be: Callable[..., int], *given: object) -> int:
    """The number of a process that is this function and ends with what it returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        atexit._clear()  # that is for the process that this one is a fork of
        code = be(*given)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()  # TensorFlow removes files of its own
        with suppress(OSError):  # a full disk
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _dvc(words: Sequence[str], environment: Mapping[str, str], output: str) -> int:
    os.setsid()
    with Path(output).open("wb") as said, Path(os.devnull).open("rb") as nothing:
        for descriptor, file in enumerate((nothing, said, said)):
            os.dup2(file.fileno(), descriptor)
    os.environ.update(environment)
    sys.argv = ["dvc", *words]
    import tqdm
    from dvc.cli import main
    from dvc.stage import run

    tqdm.tqdm.monitor_interval = 0  # no thread that looks after progress bars
    if IS_WARM:
        COMMAND.write_text("dvc")
        run._run = partial(_run, run._run)
    return main([*words])


def _run(by_shell: Callable[..., None], executable: str, command: str, **options: object) -> None:
    """In the place of the function by which DVC runs a stage's command, with its arguments."""
    from dvc.stage.exceptions import StageCmdFailedError

    stage = STAGE.fullmatch(command)
    threads = len([*Path("/proc/self/task").iterdir()])
    if not stage or threads > 1:  # what another one has locked, a fork could not unlock
        by_shell(executable, command, **options)
        return
    if code := _exit_code(_forked(_stage, stage[1], options["cwd"], options["env"])):
        raise StageCmdFailedError(command, code)


def _stage(module: str, folder: str, environment: Mapping[str, str]) -> int:
    """Be `python3 -m` this module, in the process that is a fork of DVC's; its exit code."""
    gc.freeze()  # nothing of DVC's is to be finalized here
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with suppress(OSError):  # of the listing itself
                os.close(descriptor)  # so that no lock of DVC's is held here
    COMMAND.write_text(module)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name.split(".")[0] == "stages"]:
        del sys.modules[name]
    sys.path[0] = str(folder)
    sys.argv, sys.orig_argv = ["-m"], [sys.executable, "-m", module]
    logging.root.handlers.clear()
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    main()
