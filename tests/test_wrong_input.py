"""Every wrong input of docs/errors.md is tried: the line, the exit code, and that no file was lost."""

import functools
import gzip
import hashlib
import http.server
import os
import re
import shutil
import signal
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages import check, evaluate, plot, prepare, train
from stages.core import epochs, fetch
from stages.core.artifacts import LOCK
from stages.core.backend import keras
from stages.core.errors import run
from stages.core.images import Images, save_images
from stages.core.store import STORE
from tests.conftest import ROOT, run_stages, write_params

Arrange = Callable[[Path], None]


def params(**changes: object) -> Arrange:
    """The committed parameters with some changes."""
    return functools.partial(write_params, **changes)


def params_text(old: str, new: str) -> Arrange:
    """The committed parameters with a piece of their text replaced."""

    def arrange(folder: Path) -> None:
        text = (ROOT / "params.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")

    return arrange


def write(path: str, contents: bytes | str) -> Arrange:
    """A file with these contents."""

    def arrange(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(contents if isinstance(contents, bytes) else contents.encode())

    return arrange


PARAMS = {
    "params.yaml: absent": lambda folder: (folder / "params.yaml").unlink(),
    "params.yaml: empty": write("params.yaml", ""),
    "params.yaml: a list": write("params.yaml", "[1, 2]"),
    "params.yaml: broken syntax": write("params.yaml", "dropout: {"),
    "params.yaml: not text": write("params.yaml", b"\xff\xfe\x00"),
    "params.yaml: no such date": params_text("limit:\n", "limit: 2024-13-45\n"),
    "params.yaml: ten thousand brackets": write("params.yaml", "[" * 10_000),
    "params.yaml: a folder": lambda folder: ((folder / "params.yaml").unlink(), (folder / "params.yaml").mkdir()),
    "an unknown key": params(dropuot=0.3),
    "an unknown key, nothing like it": params(colour="red"),
    "a key that is no text": params_text("seed: 42\n\n", "seed: 42\n7: 1\n"),
    "a key missing": params_text("dropout: 0.3\n", ""),
    "two mistakes": params(dropout=2, epochs=0),
    "dropout 1.0": params(dropout=1.0),
    "dropout -0.1": params(dropout=-0.1),
    "dropout: text": params(dropout="much"),
    "dropout: boolean": params(dropout=False),
    "dropout: a list": params(dropout=[0.1, 0.2]),
    "dropout: empty": params(dropout=None),
    "dropout: not a number": params(dropout=float("nan")),
    "learning_rate: infinity": params(learning_rate=float("inf")),
    "learning_rate 0": params(learning_rate=0),
    "patience 0": params(patience=0),
    "patience -1": params(patience=-1),
    "patience 2.5": params(patience=2.5),
    "epochs 0": params(epochs=0),
    "epochs 1e99": params(epochs=1e99),
    "epochs: boolean": params(epochs=True),
    "batch_size 0": params(batch_size=0),
    "batch_size larger than the data": params(batch_size=50_000),
    "val_size 0": params(val_size=0),
    "val_size 1": params(val_size=1),
    "val_size that leaves nothing": params(dataset="digits", val_size=0.9999),
    "seed -1": params(seed=-1),
    "seed beyond 64 bits": params(seed=2**64),
    "split_seed beyond 32 bits": params(split_seed=2**32),
    "limit too small to split": params(limit=1),
    "hidden_units 0": params(hidden_units=0),
    "hidden_units a million": params(hidden_units=1_000_000),
    "an unknown monitor": params(monitor="val_los"),
    "an unknown optimizer": params(optimizer="Adam"),
    "an unknown dataset": params(dataset="fashion-mnist"),
    "restore_best_weights: text": params(restore_best_weights="sometimes"),
    "a value of a megabyte": params(dropout="x" * 1_000_000),
}


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mirror_files(**changes: bytes) -> dict[str, bytes]:
    """A very small Fashion-MNIST, some files replaced."""
    labels = np.arange(40, dtype=np.uint8) % 10
    parts = {
        "train_images": idx(np.zeros((40, 28, 28), np.uint8)), "train_labels": idx(labels),
        "test_images": idx(np.zeros((40, 28, 28), np.uint8)), "test_labels": idx(labels),
    }  # fmt: skip
    return {role: gzip.compress(contents, mtime=0) for role, contents in parts.items()} | changes


def registry(folder: Path, files: dict[str, bytes], mirror: str) -> dict[str, str]:
    """Write the registry of these files behind this mirror; their names."""
    path = folder / "data/fashion_mnist.yaml"
    values = yaml.safe_load((ROOT / "data/fashion_mnist.yaml").read_text(encoding="utf-8"))
    for role, contents in files.items():
        values["files"][role]["checksum"] = f"md5:{hashlib.md5(contents).hexdigest()}"
    values["mirrors"] = [mirror]
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return {role: values["files"][role]["name"] for role in files}


NOBODY = "http://127.0.0.1:9/"  # nobody listens there


def local(**changes: bytes) -> Arrange:
    """Raw files in data/raw/, all by their right checksum."""

    def arrange(folder: Path) -> None:
        files = mirror_files(**changes)
        for role, name in registry(folder, files, NOBODY).items():
            write(f"data/raw/{name}", files[role])(folder)

    return arrange


def damaged(change: Callable[[Path], None]) -> Arrange:
    """The same, with something done to the file of the training images."""

    def arrange(folder: Path) -> None:
        local()(folder)
        change(folder / "data/raw/train-images-idx3-ubyte.gz")

    return arrange


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def served(path: str) -> Arrange:
    """No raw files, and a mirror whose path says how it misbehaves."""

    def arrange(folder: Path) -> None:
        registry(folder, mirror_files(), f"http://127.0.0.1:{os.environ['MIRROR_PORT']}/{path}/")

    return arrange


def both(*arranged: Arrange) -> Arrange:
    return lambda folder: [arrange(folder) for arrange in arranged]


ODD_LABELS = gzip.compress(idx(np.full(40, 10, np.uint8)), mtime=0)
FEW_LABELS = gzip.compress(idx(np.zeros(39, np.uint8)), mtime=0)
RAW_IMAGES = mirror_files()["train_images"]

DATA = {
    "no files, no network": lambda folder: registry(folder, mirror_files(), NOBODY),
    "FASHION_MNIST_DIR: no such folder": both(
        lambda folder: registry(folder, mirror_files(), NOBODY),
        lambda folder: os.environ.update(FASHION_MNIST_DIR="../nowhere"),
    ),
    "FASHION_MNIST_DIR: no such user": lambda folder: os.environ.update(FASHION_MNIST_DIR="~nobody-here/files"),
    "a raw file truncated, no network": damaged(truncate),
    "a raw file of the right size with another checksum": damaged(flip),
    "a folder in the place of a raw file, no network": damaged(become_a_folder),
    "a folder in the place of a raw file": both(served("right"), lambda folder: (
        folder / "data/raw/train-images-idx3-ubyte.gz").mkdir(parents=True)),
    "the mirror answers 404": served("absent"),
    "the mirror answers with a web page": served("page"),
    "the mirror redirects in a circle": served("circle"),
    "the download breaks off": served("short"),
    "the mirror falls silent": served("silent"),
    "a registered file: truncated gzip": local(train_images=RAW_IMAGES[:-9]),
    "a registered file: not gzip": local(train_images=b"<html>"),
    "a registered file: wrong IDX magic": local(train_images=gzip.compress(b"\0\0\x0d\x03" + bytes(20), mtime=0)),
    "a registered file: shorter than its header says": local(
        train_images=gzip.compress(gzip.decompress(RAW_IMAGES)[:-1], mtime=0)),
    "a registered file: fewer labels than images": local(train_labels=FEW_LABELS),
    "a registered file: a label out of range": local(test_labels=ODD_LABELS),
    "the registry: a checksum that is none": lambda folder: registry(folder, mirror_files(), NOBODY) and (
        params_like(folder / "data/fashion_mnist.yaml", "md5:", "md6:")),
    "the registry: a file missing": lambda folder: registry(folder, mirror_files(), NOBODY) and (
        params_like(folder / "data/fashion_mnist.yaml", "test_labels:", "test_lables:")),
}  # fmt: skip


def params_like(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def model(path: str, *layers: str, compiled: bool = True) -> Arrange:
    """A model of another making in this place."""

    def arrange(folder: Path) -> None:
        made = keras.Sequential([keras.Input((8, 8), dtype="uint8"), keras.layers.Flatten()])
        for layer in layers:
            made.add(eval(layer, {"layers": keras.layers}))
        if compiled:
            made.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        (made.save_weights if path.endswith(".h5") else made.save)(folder / path)

    return arrange


def pixels(folder: Path) -> None:
    made = keras.Sequential([keras.Input((28, 28), dtype="uint8"), keras.layers.Flatten(), keras.layers.Dense(10)])
    made.save(folder / "models/best-model.keras")


def foreign_archive(folder: Path) -> None:
    with zipfile.ZipFile(folder / "models/best-model.keras", "w") as archive:
        archive.writestr("weights.pt", b"by another program")


def not_a_number(folder: Path) -> None:
    path = folder / "models/best-model.keras"
    loaded = keras.models.load_model(path)
    loaded.set_weights([weights * np.nan for weights in loaded.get_weights()])
    loaded.save(path)


def other_training(folder: Path) -> None:
    path = folder / "models/model_whole.keras"
    loaded = keras.models.load_model(path)
    loaded.set_weights([-weights for weights in loaded.get_weights()])
    loaded.save(path)


BEST, WEIGHTS = "models/best-model.keras", "models/model.weights.h5"
MODELS = {
    "the model absent": lambda folder: (folder / BEST).unlink(),
    "the model: a folder": lambda folder: become_a_folder(folder / BEST),
    "the model: not a model": write(BEST, "just text"),
    "the model: empty": write(BEST, ""),
    "the model: truncated": lambda folder: truncate(folder / BEST),
    "the model: an archive of another program": foreign_archive,
    "the model: another input shape": pixels,
    "the model: another number of classes": model(BEST, "layers.Dense(7, activation='softmax')"),
    "the model: no probabilities": model(BEST, "layers.Dense(10)"),
    "the model: not a number": not_a_number,
    "the model: saved without a loss": model(BEST, "layers.Dense(10, activation='softmax')", compiled=False),
    "the weights absent": lambda folder: (folder / WEIGHTS).unlink(),
    "the weights: truncated": lambda folder: truncate(folder / WEIGHTS),
    "the weights: of another architecture": model(WEIGHTS, "layers.Dense(7)", "layers.Dense(10)"),
    "the weights: of another training": other_training,
}
PREPARED = {
    "prepared images absent": lambda folder: (folder / "data/prepared/train.npz").unlink(),
    "prepared images: truncated": lambda folder: truncate(folder / "data/prepared/train.npz"),
    "prepared images: a label without a class": lambda folder: save_images(
        folder / "data/prepared/train.npz", Images(np.zeros((1, 8, 8), np.uint8), np.array([9]), np.array(["a"]))),
    "prepared images: one array": lambda folder: np.save(
        (folder / "data/prepared/train.npz").open("wb"), np.zeros(3)),
}  # fmt: skip
TABLES = {
    "a table absent": lambda folder: (folder / "plots/history.csv").unlink(),
    "a table: half a row": write("plots/history.csv", "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.5,0."),
    "a table: text for a number": write(
        "plots/history.csv", "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.5,0.9,x,1\n"),
    "a table: empty": write("plots/history.csv", ""),
    "metrics without a key": both(
        write("plots/history.csv", "epoch,loss,accuracy,val_loss,val_accuracy\n1,1,1,1,1\n"),
        write("metrics/train.json", "{}")),
    "metrics of another training": both(
        write("plots/history.csv", "epoch,loss,accuracy,val_loss,val_accuracy\n1,1,1,1,1\n"),
        write("metrics/train.json", '{"epochs": 2, "best_epoch": 1, "stopped_epoch": null}')),
    "predictions for other images": write("plots/predictions.csv", "actual,predicted,confidence\n3,3,0.9\n"),
    "predictions: no such class": lambda folder: (folder / "plots/predictions.csv").write_text(
        (folder / "plots/predictions.csv").read_text().replace(",3,", ",three,")),
}  # fmt: skip
TRAINING = {
    "the loss is not finite in the first epoch": params(
        dataset="digits", epochs=3, optimizer="sgd", learning_rate=1e30),
    "the loss is not finite later": params(dataset="digits", epochs=3),
}  # fmt: skip


def documented() -> dict[str, tuple[str, int, str]]:
    """The rows of docs/errors.md: what is wrong -> a pattern for the line, the exit code, what `dvc repro` leaves."""
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (.+?) \| `(.+)` \| (-?\d+) \| (.+) \|$", text)
    return {what: (re.escape(line).replace("…", ".+"), int(code), left) for what, line, code, left in rows}


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file with its contents, every folder; but not the lock and the store, on which nothing depends."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != LOCK.name and STORE.name not in path.parts
    }


def assert_refused(what: str, folder: Path, stage: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """The stage ends with the documented line and code, and leaves every file as it was."""
    before = snapshot(folder)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run(stage)
    last = capsys.readouterr().err.splitlines()[-1]
    name = stage.__module__.removeprefix("stages.")
    left = "everything" if name == "check" else f"all but the outputs of `{name}`"
    row = f"| {what} | `{last}` | {stopped.value.code} | {left} |"
    assert what in documented(), f"add to docs/errors.md:\n{row}"
    line, *rest = documented()[what]
    assert re.fullmatch(line, last)
    assert rest == [stopped.value.code, left]
    assert {path: contents for path, contents in snapshot(folder).items() if path in before} == before
    assert {Path(path).name for path in set(snapshot(folder)) - set(before)} <= {"raw", "models", "plots", "metrics"}


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process as it was: `run` sets a signal handler, a case may set FASHION_MNIST_DIR."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("FASHION_MNIST_DIR", "")
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("what", PARAMS)
def test_wrong_parameters(what: str, workspace: Path, capsys):
    check.main()
    PARAMS[what](workspace)
    assert_refused(what, workspace, check.main, capsys)


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers as the first part of the path says."""

    def do_GET(self):
        how, name = self.path.split("/")[1:3]
        contents = {name: mirror_files()[role] for role, name in self.server.names.items()}[name]
        if how == "absent":
            self.send_error(404)
        elif how == "circle":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
        elif how == "elsewhere":
            self.send_response(302)
            self.send_header("Location", f"/right/{name}")
            self.end_headers()
        else:
            body = b"<html>log in first</html>" if how == "page" else contents
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:-9] if how in ("short", "silent") else body)
            if how == "silent":
                self.wfile.flush()
                time.sleep(3)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> Iterator[None]:
    """A web server; its port is in MIRROR_PORT."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "data").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.names = registry(folder, mirror_files(), NOBODY)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MIRROR_PORT", str(server.server_port))
        monkeypatch.setattr(fetch, "ATTEMPTS_AGAIN", 0)
        monkeypatch.setattr(fetch, "TIMEOUT", 1)
        yield
        server.shutdown()


@pytest.mark.parametrize("what", DATA)
def test_wrong_data(what: str, workspace: Path, mirror, capsys):
    run_stages(workspace, prepare)
    write_params(workspace)
    DATA[what](workspace)
    assert_refused(what, workspace, prepare.main, capsys)


def test_a_redirected_download_is_followed(workspace: Path, mirror):
    served("elsewhere")(workspace)
    write_params(workspace, batch_size=8)
    prepare.main()
    assert len(list(Path("data/raw").iterdir())) == 4


@pytest.mark.parametrize("what", MODELS)
def test_wrong_models(what: str, complete: Path, capsys):
    MODELS[what](complete)
    assert_refused(what, complete, evaluate.main, capsys)


@pytest.mark.parametrize("what", PREPARED)
def test_wrong_prepared_images(what: str, complete: Path, capsys):
    PREPARED[what](complete)
    assert_refused(what, complete, train.main, capsys)


@pytest.mark.parametrize("what", TABLES)
def test_wrong_tables(what: str, complete: Path, capsys):
    TABLES[what](complete)
    assert_refused(what, complete, plot.main, capsys)


@pytest.mark.parametrize("what", TRAINING)
def test_a_loss_that_is_not_finite(what: str, complete: Path, capsys, monkeypatch):
    TRAINING[what](complete)
    shutil.rmtree(STORE)
    if "later" in what:  # no learning rate does it at the same epoch on every machine
        real = epochs.epoch_runner

        def diverging(*arguments: object) -> Callable:
            run_epoch = real(*arguments)
            return lambda epoch: run_epoch(epoch) | ({"val_loss": float("nan")} if epoch == 1 else {})

        monkeypatch.setattr(epochs, "epoch_runner", diverging)
    assert_refused(what, complete, train.main, capsys)
    for output in ("models", "metrics", "plots"):
        shutil.rmtree(complete / output)
    with pytest.raises(SystemExit):
        run(train.main)
    left = [path.name for path in (complete / "models").iterdir()]
    assert left == [STORE.name]  # where DVC has deleted the old one, none is left


def test_every_documented_case_is_tried_here_or_by_the_machine():
    from tests.test_machine import CASES

    tried = [*PARAMS, *DATA, *MODELS, *PREPARED, *TABLES, *TRAINING, *CASES]
    assert sorted(tried) == sorted(documented())
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert f"{len(tried)} wrong inputs" in text
