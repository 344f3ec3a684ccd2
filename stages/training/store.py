"""The store of computed epochs in models/.epochs: an epoch is read back, or computed and written.

It has a folder per key and a record per epoch. The key covers everything that decides an epoch except the state before
it (see `epoch_key`). The name of a record includes a digest of that state: when a callback lowers the learning rate in
one training, that training has its own records from there on. A record is used only if its checksum is right, so any
file here may be damaged or deleted at any time: that costs time and nothing else.
"""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from filelock import FileLock

from stages.base.errors import one_line
from stages.base.params import Logs
from stages.base.process import UNFINISHED, acquire, main_checkout
from stages.data.images import Images
from stages.training.keys import data_digest, digest, epoch_key

if TYPE_CHECKING:  # the import takes seconds
    from stages.training.backend import keras

STORE = Path("models/.epochs")
SPARE = 5 * 10**9  # while fewer bytes of the disk are free, the store deletes the epochs of other trainings

State = list[np.ndarray]  # the values of all variables by position: Dropout's counter has no unique name


def span(epochs: Sequence[int]) -> str:
    """Write consecutive epochs, which count from 0, as people count them: [3, 4, 5] is "4-6"."""
    first, last = epochs[0] + 1, epochs[-1] + 1
    return str(first) if first == last else f"{first}-{last}"


class StoredEpochs:
    """A function like `run_epoch` that reads epochs back as long as the store has the next one, then computes.

    One process at a time computes under a key. A second one reads what is stored, then waits for the first process to
    end and reads the rest. As a context manager it releases the lock for the second process. If the store cannot be
    written, it prints one line and training goes on without it.
    """

    def __init__(self, run_epoch: Callable[[int], Logs], variables: list, key: str, store: Path = STORE) -> None:
        self.run_epoch = run_epoch
        self.variables = variables  # all that an epoch changes
        self.key = key
        self.folder = store / key
        self.lock = FileLock(store / f"{key}.lock")
        self.writable = True
        self.read_back: list[int] = []
        self.computed: list[int] = []

    def __call__(self, epoch: int) -> Logs:
        """Bring the variables to the state after this epoch (from 0), and return its logs."""
        before = digest(*self._state())
        record = None if self.computed else self._read(epoch, before)
        if record is None and self.writable and not self.lock.is_locked:  # kept until training ends
            self._lock()
            record = self._read(epoch, before)  # another process may have written it meanwhile
        if record is not None:
            state, logs = record
            for variable, value in zip(self.variables, state, strict=True):
                variable.assign(value)
            self.read_back.append(epoch)
            return logs
        logs = self.run_epoch(epoch)
        self.computed.append(epoch)
        if self.writable:
            self._write(epoch, before, logs)
        return logs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Release the lock; add the finished epochs to an interruption."""
        self.lock.release()
        done = self.read_back + self.computed
        if isinstance(error, KeyboardInterrupt) and done:
            stored = f" (stored: {span(done)})" if self.writable else ""
            error.add_note(f"after epoch {len(done)}{stored}")

    def summary(self) -> str:
        """Return which epochs were read back and which computed: "epochs 1-9 read back, 10-14 computed"."""
        parts = ((self.read_back, f"read back (computed before, in {STORE})"), (self.computed, "computed"))
        return "epochs " + ", ".join(f"{span(epochs)} {how}" for epochs, how in parts if epochs)

    def _state(self) -> State:
        return [np.asarray(variable) for variable in self.variables]

    def _path(self, epoch: int, before: str) -> Path:
        return self.folder / f"{epoch + 1:06}-{before}"

    def _checksum(self, epoch: int, before: str, body: bytes) -> bytes:
        return digest(self.key, str(epoch), before, body).encode()

    def _read(self, epoch: int, before: str) -> tuple[State, Logs] | None:
        """Return the state and the logs after an epoch, or None if no record is valid."""
        try:
            checksum, _, body = self._path(epoch, before).read_bytes().partition(b"\n")
        except OSError:
            return None
        if checksum != self._checksum(epoch, before, body):
            return None
        with suppress(OSError):  # marks the key as recently used
            os.utime(self.folder)
        with np.load(io.BytesIO(body)) as arrays:
            return [arrays[f"arr_{n}"] for n in range(len(self.variables))], json.loads(str(arrays["logs"]))

    def _write(self, epoch: int, before: str, logs: Logs) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, *self._state(), logs=np.array(json.dumps(logs)))
        body = buffer.getvalue()
        path = self._path(epoch, before)
        temporary = path.with_name(f"{UNFINISHED}{path.name}")
        try:
            self._make_room()
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(self._checksum(epoch, before, body) + b"\n" + body)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            self._go_on_without(error)

    def _lock(self) -> None:
        """Wait until this process is the only one that computes under the key."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            acquire(self.lock, "another process computes the same epochs: waiting for it to end")
        except OSError as error:
            self._go_on_without(error)

    def _make_room(self) -> None:
        """Delete the other keys, the least recently used first, until the disk has room."""
        store = self.folder.parent
        while shutil.disk_usage(store).free < SPARE:
            others = [folder for folder in store.iterdir() if folder.is_dir() and folder != self.folder]
            if not others:
                break
            shutil.rmtree(min(others, key=lambda folder: folder.stat().st_mtime))

    def _go_on_without(self, error: OSError) -> None:
        self.writable = False
        reason = one_line(error.strerror or error)
        print(f"{STORE} cannot be written ({reason}): training goes on without it", file=sys.stderr, flush=True)


def stored_epochs(
    model: "keras.Model", train: Images, val: Images, environment: dict[str, str], *, batch_size: int, seed: int
) -> StoredEpochs:
    """Return a function for `run_epochs` that reads each epoch from the store, or computes and stores it."""
    from stages.training.epochs import epoch_runner

    data = data_digest(train, val)
    return StoredEpochs(
        epoch_runner(model, train, val, batch_size, seed),
        [*model.variables, *model.optimizer.variables],
        epoch_key(model, data, batch_size=batch_size, seed=seed, environment=environment),
        main_checkout() / STORE,
    )
