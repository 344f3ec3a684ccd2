"""Imported by every Python whose PYTHONPATH names this folder: edits a file at a chosen moment of a stage.

EDIT is a JSON object: at the first audit event `event` of the stage `stage` with `part` in its first argument, `old`
becomes `new` in `file`, at once or `seconds` later. Nothing in the project knows of it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

CODE = """
import pathlib, sys, time
file, old, new, seconds = sys.argv[1:]
time.sleep(float(seconds))
path = pathlib.Path(file)
path.write_bytes(path.read_bytes().replace(old.encode("latin-1"), new.encode("latin-1"), 1))
"""

if "EDIT" in os.environ:
    wanted = json.loads(os.environ["EDIT"])
    waiting = os.environ.get("DVC_STAGE") == wanted["stage"]

    def edit(name: str, arguments: tuple) -> None:
        global waiting  # noqa: PLW0603
        if waiting and name == wanted["event"] and wanted["part"] in str(arguments[0]):
            waiting = False
            words = [wanted["file"], wanted["old"], wanted["new"], str(wanted["seconds"])]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            editor = subprocess.Popen([sys.executable, "-I", "-c", CODE, *words], cwd=Path.cwd(), **quiet)
            if not wanted["seconds"]:
                editor.wait()

    sys.addaudithook(edit)
