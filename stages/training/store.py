"""The store of computed epochs in models/.epochs: an epoch is read back, or computed and written.

It has a folder per key and a record per epoch. The key covers everything that decides an epoch except the state before
it (see `epoch_key`). The name of a record includes a digest of that state: when a callback lowers the learning rate in
one training, that training has its own records from there on. A record is used only if its checksum is right, so any
file here may be damaged or deleted at any time: that costs time and nothing else.
"""

import ast
import errno
import hashlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from filelock import FileLock, Timeout

from stages import HARMLESS
from stages.base.errors import one_line
from stages.base.params import Logs
from stages.base.process import UNFINISHED, acquire, main_checkout
from stages.data.images import Images

if TYPE_CHECKING:  # the import takes seconds
    from stages.training.backend import keras

STORE = Path("models/.epochs")
SHARE = 0.5  # the most that the store takes of the disk space that would be free without it
RECORD_VERSION = "2"  # increase it if `_read` no longer understands what an older `_write` wrote

# The modules in this folder that compute an epoch. A test checks that they import no other module that computes, so
# that a change elsewhere in the project leaves all stored epochs valid.
COMPUTING = ("adam.py", "backend.py", "epochs.py", "loss.py", "model.py", "networks.py")

# The first letters of environment variables that change what TensorFlow and its libraries compute.
ARITHMETIC = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "NVIDIA_TF32_OVERRIDE")

State = list[np.ndarray]  # the values of all variables by position: Dropout's counter has no unique name


def digest(*parts: bytes | str | np.ndarray) -> str:
    """Return 128 bits of SHA-256 of a list, in hexadecimal.

    Type and length of each part count, and an array's dtype and shape, so that no two lists give the same bytes.
    """
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            data = np.ascontiguousarray(part)
            head = f"{data.dtype.str} {data.shape}"
        else:
            data = part.encode() if isinstance(part, str) else part
            head = f"{type(part).__name__} {len(data)}"
        sha.update(f"{head}\n".encode())
        sha.update(data)
    return sha.hexdigest()[:32]


def spans(epochs: Iterable[int]) -> str:
    """Write ascending epochs, which count from 0, as people count them: [0, 1, 2, 4] is "1-3, 5"."""
    runs: list[list[int]] = []
    for epoch in epochs:
        if runs and runs[-1][1] == epoch:
            runs[-1][1] = epoch + 1
        else:
            runs.append([epoch + 1, epoch + 1])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


class StoredEpochs:
    """A function like `run_epoch` that reads an epoch back if the store has it.

    One process at a time computes under a key. A second one reads what is stored, then waits for the first process to
    end and reads the rest. As a context manager it releases the lock for the second process. If the store cannot be
    written, it prints one line and training goes on without it.

    Args:
        run_epoch: computes an epoch, numbered from 0, and returns its logs.
        variables: all variables that an epoch changes.
        key: see `epoch_key`.
        store: the folder of all keys.
    """

    def __init__(self, run_epoch: Callable[[int], Logs], variables: list, key: str, store: Path = STORE) -> None:
        self.run_epoch = run_epoch
        self.variables = variables
        self.key = key
        self.store = store
        self.folder = store / key
        self.lock = FileLock(store / f"{key}.lock")
        self.writable = True
        self.room = 0  # bytes that may be written before the store is measured again
        self.epoch = 0
        self.read_back: list[int] = []
        self.computed: list[int] = []

    def __call__(self, epoch: int) -> Logs:
        """Bring the variables to the state after this epoch, and return its logs."""
        self.epoch = epoch
        before = digest(*self._state())
        record = self._read(epoch, before)
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the lock; add to an interruption its epoch and the stored epochs."""
        self.lock.release()
        if isinstance(error, KeyboardInterrupt):
            done = self.read_back + self.computed
            error.add_note(f"{'after' if self.epoch in done else 'in'} epoch {self.epoch + 1}")
            if done and self.writable:
                error.add_note(f"(stored: {spans(sorted(done))})")

    def summary(self) -> str:
        """Return which epochs were read back and which computed: "epochs 1-9 read back, 10-14 computed"."""
        parts = ((self.read_back, f"read back (computed before, in {STORE})"), (self.computed, "computed"))
        return "epochs " + ", ".join(f"{spans(epochs)} {how}" for epochs, how in parts if epochs)

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
        contents = self._checksum(epoch, before, body) + b"\n" + body
        path = self._path(epoch, before)
        temporary = path.with_name(f"{UNFINISHED}{path.name}")
        try:
            self._make_room(len(contents))
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(contents)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            self._go_on_without(error)

    def _lock(self) -> None:
        """Wait until this process is the only one that computes under the key."""
        try:
            self.store.mkdir(parents=True, exist_ok=True)
            acquire(self.lock, "another process computes the same epochs: waiting for it to end")
        except OSError as error:
            self._go_on_without(error)

    def _make_room(self, needed: int) -> None:
        """Evict keys, the least recently used first, until `needed` more bytes fit into the store's share of the disk.

        Raises:
            OSError: they do not fit even then.
        """
        if needed > self.room:
            with FileLock(self.store / ".lock"):  # two processes would evict the same keys
                self.room = self._evict(needed)
        self.room -= needed

    def _evict(self, needed: int) -> int:
        """Return how many bytes may be written now."""
        keys = [folder for folder in self.store.iterdir() if folder.is_dir()]
        sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in keys}
        size = sum(sizes.values())
        room = int(SHARE * (shutil.disk_usage(self.store).free + size)) - size
        for folder in sorted(sizes, key=lambda folder: folder.stat().st_mtime_ns):
            if room < needed:
                lock = FileLock(folder.with_name(f"{folder.name}.lock"))
                with suppress(Timeout), lock.acquire(blocking=False):  # a process that computes keeps its key, as here
                    shutil.rmtree(folder)
                    room += sizes[folder]
        if room < needed:
            raise OSError(errno.EDQUOT, f"its share of the free disk, {SHARE:.0%}, is used up")
        return room

    def _go_on_without(self, error: OSError) -> None:
        self.writable = False
        reason = one_line(error.strerror or error)
        print(f"{self.store} cannot be written ({reason}): training goes on without it", file=sys.stderr, flush=True)


def data_digest(train: Images, val: Images) -> str:
    """Return a digest of all images and labels that an epoch reads."""
    return digest(*(array for part in (train, val) for array in (part.images, part.labels)))


def syntax(source: str) -> str:
    """Return the syntax tree of a module without docstrings, so that comments and layout do not count.

    It differs between Python versions, which costs time and nothing else.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def epoch_key(model: "keras.Model", data: str, *, batch_size: int, seed: int, environment: dict[str, str]) -> str:
    """Return a digest of everything that decides an epoch except the state before it.

    Callbacks do not count: they decide which epochs are run and kept.

    Args:
        model: compiled.
        data: `data_digest` of the images.
        batch_size: as in params.yaml.
        seed: decides the order of the images.
        environment: as in metrics/environment.json.
    """
    from stages.training.backend import threads
    from stages.training.model import evaluation_batch

    settings = {
        name: value for name, value in os.environ.items() if name.startswith(ARITHMETIC) and name not in HARMLESS
    }
    described = [RECORD_VERSION, model.get_config(), model.get_compile_config(), batch_size, seed, environment]
    described += [settings, evaluation_batch(model), threads()]
    sources = [syntax(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in COMPUTING]
    return digest(json.dumps(described, sort_keys=True), *sources, data)


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
