"""The store of computed epochs in models/.epochs: an epoch is read back, or computed and written.

A folder a key, a file an epoch and state. The key stands for all that decides what an epoch computes besides the
state before it (`epoch_key`). A record's name says from which state it was computed: two trainings that part, since a
callback has lowered the learning rate, have records of their own from there on. One is used only if it is whole, of
this key, epoch and state. So any file here may be damaged, lost or deleted at any time: that costs time only.
"""

import errno
import hashlib
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from filelock import FileLock, Timeout

from stages.base.errors import UserError, one_line
from stages.base.files import save_json
from stages.base.params import Logs
from stages.base.process import UNFINISHED, acquire, main_checkout
from stages.data.images import Images

if TYPE_CHECKING:  # it takes seconds, and `sweep` needs no model
    from stages.training.backend import keras

STORE = Path("models/.epochs")
CAP = 2.0  # GB, of all keys together: a record of the default parameters takes one MB
FORM = "2"  # of a record: to be counted up where `_read` would no longer understand what an older `_write` wrote

# The modules beside this one that compute an epoch. They import nothing else that does (a test holds it), so that any
# other line of the project can change and no stored epoch is lost.
COMPUTING = ("adam.py", "backend.py", "epochs.py", "loss.py", "model.py", "networks.py")

COUNTS_TO = "EPOCHS_COUNTED_TO"  # the environment variable that names the file for `hand_over`
CAP_SET = "EPOCHS_CAP_GB"  # the one that says what holds in the place of `CAP`: a matter of the machine, of no result

# Environment variables by which a user can make TensorFlow and its libraries compute otherwise begin so.
ARITHMETIC = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "NVIDIA_TF32_OVERRIDE")

State = list[np.ndarray]  # the values of all variables, by position: Dropout's counter has no name of its own


class Record(NamedTuple):
    """What an epoch leaves."""

    state: State
    logs: Logs


def digest(*parts: bytes | str | np.ndarray) -> str:
    """128 bits of SHA-256 of a list, in hexadecimal. An array counts with its dtype and shape; no two lists run
    together.
    """
    sha = hashlib.sha256()
    for part in parts:
        array = np.ascontiguousarray(part) if isinstance(part, np.ndarray) else None
        data = array if array is not None else part.encode() if isinstance(part, str) else part
        head = f"{array.dtype.str} {array.shape}" if array is not None else f"{type(part).__name__} {len(data)}"
        sha.update(f"{head}\n".encode())
        sha.update(data)
    return sha.hexdigest()[:32]


def spans(epochs: Iterable[int]) -> str:
    """Epochs, from 0 and in order, as a person counts them: [0, 1, 2, 4] is "1-3, 5"."""
    runs: list[list[int]] = []
    for epoch in epochs:
        if runs and runs[-1][1] == epoch:
            runs[-1][1] = epoch + 1
        else:
            runs.append([epoch + 1, epoch + 1])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


class StoredEpochs:
    """A function of an epoch's number, as `run_epoch` is, with the store in front of it.

    One process at a time computes under a key: a second one reads what is there, then waits for the first and
    reads that. Used as a context, which ends the waiting of others. A store that cannot be read or written is said
    in a line, and training goes on without it.
    """

    def __init__(
        self, run_epoch: Callable[[int], Logs], variables: list, key: str, store: Path = STORE, cap: float = CAP
    ) -> None:
        self.run_epoch = run_epoch
        self.variables = variables
        self.key = key
        self.store = store
        self.cap = cap
        self.folder = store / key
        self.lock = FileLock(store / f"{key}.lock")
        self.writable = True
        self.said: set[str] = set()
        self.epoch = 0
        self.read_back: list[int] = []
        self.computed: list[int] = []

    def __call__(self, epoch: int) -> Logs:
        """Bring the variables to the state after this epoch, and return its logs."""
        self.epoch = epoch
        before = digest(*self._state())
        record = self._read(epoch, before)
        # Only who has to compute takes the lock, and keeps it. Meanwhile another may have written the record.
        if record is None and not self.lock.is_locked and self._locked():
            record = self._read(epoch, before)
        if record is not None:
            for variable, value in zip(self.variables, record.state, strict=True):
                variable.assign(value)
            self.read_back.append(epoch)
            return record.logs
        logs = self.run_epoch(epoch)
        self.computed.append(epoch)
        if self.writable:
            self._write(epoch, before, Record(self._state(), logs))
        return logs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next process compute; say in an interruption where it came and what is stored."""
        self.lock.release()
        if isinstance(error, KeyboardInterrupt):
            done = self.read_back + self.computed
            error.add_note(f"{'after' if self.epoch in done else 'in'} epoch {self.epoch + 1}")
            if done and self.writable:
                error.add_note(f"(stored: {spans(sorted(done))})")

    def summary(self) -> str:
        """What was read back and what computed: "epochs 1-9 read back, 10-14 computed"."""
        parts = ((self.read_back, f"read back (computed before, in {STORE})"), (self.computed, "computed"))
        return "epochs " + ", ".join(f"{spans(epochs)} {how}" for epochs, how in parts if epochs)

    def hand_over(self) -> None:
        """Write the same, counted, for a process that asked for it: no output of a stage says what was stored."""
        if path := os.environ.get(COUNTS_TO):
            save_json(Path(path), {"read_back": len(self.read_back), "computed": len(self.computed)})

    def _state(self) -> State:
        return [np.asarray(variable) for variable in self.variables]

    def _path(self, epoch: int, before: str) -> Path:
        return self.folder / f"{epoch + 1:06}-{before}"

    def _seal(self, epoch: int, before: str, body: bytes) -> bytes:
        return digest(self.key, str(epoch), before, body).encode()

    def _read(self, epoch: int, before: str) -> Record | None:
        path = self._path(epoch, before)
        try:
            seal, _, body = path.read_bytes().partition(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._say(f"{path} cannot be read ({one_line(error.strerror or error)}): epoch {epoch + 1} is computed")
            return None
        if seal != self._seal(epoch, before, body):
            self._say(f"{path} is damaged: epoch {epoch + 1} is computed")
            return None
        with suppress(OSError):  # where nothing can be written, nothing is evicted either
            os.utime(self.folder)
        with np.load(io.BytesIO(body)) as arrays:
            return Record([arrays[f"arr_{n}"] for n in range(len(self.variables))], json.loads(str(arrays["logs"])))

    def _write(self, epoch: int, before: str, record: Record) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, *record.state, logs=np.array(json.dumps(record.logs)))
        body = buffer.getvalue()
        contents = self._seal(epoch, before, body) + b"\n" + body
        path = self._path(epoch, before)
        temporary = path.with_name(f"{UNFINISHED}{path.name}")
        try:
            with FileLock(self.store / ".lock"):  # one at a time counts and evicts, or the cap would not hold
                self._make_room(len(contents))
                self.folder.mkdir(parents=True, exist_ok=True)
                try:
                    with temporary.open("wb") as file:
                        file.write(contents)
                        file.flush()
                        os.fsync(file.fileno())
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            self._go_on_without(error)

    def _locked(self) -> bool:
        """Whether this process is now the one that computes under this key; it waits until then."""
        if not self.writable:
            return False
        try:
            self.store.mkdir(parents=True, exist_ok=True)
            acquire(self.lock, "another process computes the same epochs: waiting for it to end")
        except OSError as error:
            self._go_on_without(error)
        return self.lock.is_locked

    def _make_room(self, needed: int) -> None:
        """Evict keys, the least recently used first, until `needed` more bytes fit under the cap.

        Raises:
            OSError: they do not, whatever is evicted.
        """
        keys = [folder for folder in self.store.iterdir() if folder.is_dir()]
        sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in keys}
        excess = sum(sizes.values()) + needed - self.cap * 1e9
        for folder in sorted(sizes, key=lambda folder: folder.stat().st_mtime_ns):
            if excess > 0 and folder != self.folder:
                lock = FileLock(folder.with_name(f"{folder.name}.lock"))
                with suppress(Timeout), lock.acquire(blocking=False):  # where a process computes, nothing is evicted
                    shutil.rmtree(folder)
                    excess -= sizes[folder]
        if excess > 0:
            raise OSError(errno.EDQUOT, f"its cap of {self.cap:g} GB is reached; {CAP_SET} sets another")

    def _go_on_without(self, error: OSError) -> None:
        self.writable = False
        self._say(f"{self.store} cannot be written ({one_line(error.strerror or error)}): training goes on without it")

    def _say(self, line: str) -> None:
        if line not in self.said:  # a damaged record is looked at again once this process may compute
            self.said.add(line)
            print(line, file=sys.stderr, flush=True)


def epoch_key(
    model: "keras.Model", train: Images, val: Images, *, batch_size: int, seed: int, environment: dict[str, str]
) -> str:
    """A name for all that decides an epoch besides the state before it: the same arguments as `epochs.epoch_runner`'s,
    what computes them, and how. What callbacks do is not in it: they decide which epochs are run and kept.
    """
    from stages.training.backend import threads
    from stages.training.model import evaluation_batch

    settings = {name: value for name, value in os.environ.items() if name.startswith(ARITHMETIC)}
    described = [FORM, model.get_config(), model.get_compile_config(), batch_size, seed, environment, settings]
    described += [evaluation_batch(model), threads()]
    sources = [Path(__file__).with_name(name).read_bytes() for name in COMPUTING]
    arrays = [array for part in (train, val) for array in (part.images, part.labels)]
    return digest(json.dumps(described, sort_keys=True), *sources, *arrays)


def stored_epochs(
    model: "keras.Model", train: Images, val: Images, environment: dict[str, str], *, batch_size: int, seed: int
) -> StoredEpochs:
    """What brings the model through an epoch: to be given to `run_epochs`.

    Raises:
        UserError: the environment says no cap that could be one.
    """
    from stages.training.epochs import epoch_runner

    batch_size = min(batch_size, len(train.labels))  # as in `fit`: one smaller batch
    return StoredEpochs(
        epoch_runner(model, train, val, batch_size, seed),
        [*model.variables, *model.optimizer.variables],
        epoch_key(model, train, val, batch_size=batch_size, seed=seed, environment=environment),
        main_checkout() / STORE,
        cap(),
    )


def stored_history(
    model: "keras.Model",
    train: Images,
    val: Images,
    environment: dict[str, str],
    epochs: int,
    *,
    batch_size: int,
    seed: int,
) -> tuple[dict[str, list[float]], int]:
    """The logs of a training that nothing stops, for who wants nothing else of it: read back, or computed and written.

    One record of a few kB in the place of a state an epoch: so hundreds of trainings find room, and one that is killed
    begins again.

    Returns:
        Keras's `History.history`, and how many epochs were computed.

    Raises:
        UserError: see `stored_epochs`; a loss is not finite any more.
    """
    from stages.training.callbacks import StopIfUnwanted
    from stages.training.epochs import epoch_runner, run_epochs

    batch_size = min(batch_size, len(train.labels))

    def all_up_to(epoch: int) -> dict[str, list[float]]:
        run_epoch = epoch_runner(model, train, val, batch_size, seed)
        return run_epochs(model, run_epoch, epoch + 1, [StopIfUnwanted()])

    key = epoch_key(model, train, val, batch_size=batch_size, seed=seed, environment=environment)
    key = digest(key, *map(np.asarray, model.variables))  # nothing says from which state, as an epoch's name does
    with StoredEpochs(all_up_to, [], key, main_checkout() / STORE, cap()) as stored:
        history = stored(epochs - 1)
    return history, epochs if stored.computed else 0


def cap() -> float:
    """How many GB the store may hold.

    Raises:
        UserError: the environment says something else.
    """
    said = os.environ.get(CAP_SET)
    try:
        value = float(said) if said else CAP
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UserError(f"{CAP_SET}: must be a number of GB, at least 0, got {said!r}")
    return value
