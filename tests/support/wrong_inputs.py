"""What can be wrong, a name each as in wrong_inputs.yaml, and how a folder comes to be so."""

import functools
import gzip
import hashlib
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from stages.data.images import Images, save_images
from stages.training.backend import keras
from tests.support.small import trained
from tests.support.workspace import ROOT, write_params

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
    "an unknown key, nothing like it": params(sound="loud"),
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
    "val_size 0": params(val_size=0),
    "val_size 1": params(val_size=1),
    "val_size that leaves nothing": params(dataset="digits", val_size=0.9999),
    "seed -1": params(seed=-1),
    "seed beyond 64 bits": params(seed=2**64),
    "split_seed beyond 32 bits": params(split_seed=2**32),
    "limit too small to split": params(limit=1),
    "an unknown network": params(network="CNN"),
    "images too small for the network": params(dataset="images", network="cnn", image_size=3),
    "lr_patience 0": params(lr_patience=0),
    "lr_patience that is not below patience": params(lr_patience=2),
    "lr_factor 0": params(lr_factor=0),
    "lr_factor 1": params(lr_factor=1),
    "hidden_units 0": params(hidden_units=0),
    "hidden_units a million": params(hidden_units=1_000_000),
    "an unknown monitor": params(monitor="val_los"),
    "an unknown optimizer": params(optimizer="Adam"),
    "an unknown dataset": params(dataset="fashion-mnist"),
    "patience: none": params(patience="none"),
    "limit: all": params(limit="all"),
    "image_dir without dataset images": params(image_dir="data/mine"),
    "image_dir of no folder without dataset images": params(image_dir="data/nope"),
    "image_size without dataset images": params(dataset="digits", image_size=8),
    "skip_unreadable without dataset images": params(skip_unreadable=True),
    "image_dir: empty": params(image_dir=None),
    "image_dir: no such folder": params(dataset="images", image_dir="mien"),
    "image_size 0": params(image_size=0),
    "image_size a thousand": params(image_size=1000),
    "color_mode: grey": params(color_mode="grey"),
    "test_size 1": params(test_size=1),
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


def images(*odd: str, train: int = 4, rare: int = 0, **changes: object) -> Arrange:
    """A folder of images, `mine`: two classes, some files of each, some of them odd; and the parameters to use it.

    And a few of a third class, `rare`.
    """

    def arrange(folder: Path) -> None:
        for name, count in {"cat": train, "dog": train, "rare": rare}.items():
            for number in range(count):
                (folder / "mine" / name).mkdir(parents=True, exist_ok=True)
                Image.new("L", (9, 9), number).save(folder / "mine" / name / f"{number}.png")
        for path in odd:
            (folder / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "mine" / path).write_bytes(b"no image")
        write_params(folder, **{"dataset": "images", "image_dir": "mine", "batch_size": 1} | changes)

    return arrange


IMAGE_FOLDERS = {
    "images: one class": images(image_dir="mine/cat"),
    "images: train without test": images("train/cat/1.png"),
    "images: a class without a file": both(images(), lambda folder: (folder / "mine/cow").mkdir()),
    "images: files that cannot be read": images("cat/notes.txt", "dog/broken.png", "labels.csv"),
    "images: none of a class can be read": images("cow/1.png", "cow/2.png", skip_unreadable=True),
    "images: too few to split off test images": images(train=1),
    "images: too few to leave one for training": images(val_size=0.9),
    "images: a class too small for test": images(test_size=0.1, train=20, rare=2),
    "images: a class that test takes whole": images(test_size=0.8, train=20, rare=2),
    "images: a class that validation takes whole": images(test_size=0.5, train=20, rare=2, split_seed=6),
}


def linked(*folders: str) -> Arrange:
    """The folder of images, some folders in it moved away, with links in their places."""

    def arrange(folder: Path) -> None:
        images()(folder)
        for name in folders:
            (folder / "mine" / name).mkdir(exist_ok=True)
            (folder / "elsewhere" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "mine" / name).rename(folder / "elsewhere" / name)
            (folder / "mine" / name).symlink_to(folder / "elsewhere" / name)

    return arrange


def latin_1(folder: Path) -> None:
    try:
        write(os.fsdecode("mine/dog/café.png".encode("latin-1")), "")(folder)
    except OSError:
        pytest.skip("this file system knows no such names")


def another_folder(folder: Path) -> None:
    for name in ("mine", "elsewhere/mine", "elsewhere/deep"):
        (folder / name).mkdir(parents=True)
    (folder / "link").symlink_to("elsewhere/deep")
    write_params(folder, dataset="images", image_dir="link/../mine")


def with_parts(folder: Path) -> None:
    images(test_size=0.5)(folder)
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            shutil.copytree(folder / "mine" / name, folder / "mine" / part / name)
    for name in ("cat", "dog"):
        shutil.rmtree(folder / "mine" / name)


UNSEEN = {
    "images: test_size where train/ and test/ are": with_parts,
    "images: links to folders": linked("cat", "dog/deep"),
    "images: left out by .dvcignore": both(images(), write(".dvcignore", "dog/\n")),
    "images: a repository of DVC in the folder": both(images("cat/.dvc/config"), write("mine/cat/.git/config", "")),
    "images: a .dvcignore in the folder": both(images(), write("mine/cat/.dvcignore", "1.png")),
    "images: a link to nothing": both(images(), lambda folder: (folder / "mine/dog/4.png").symlink_to("nothing")),
    "images: a pipe": both(images(), lambda folder: os.mkfifo(folder / "mine/dog/.pipe")),
    "images: a name that is not UTF-8": both(images(), latin_1),
    "image_dir: another folder for DVC": another_folder,
}


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


def other_parameters(folder: Path) -> None:
    path = folder / "models/best-model.keras"
    loaded = keras.models.load_model(path)
    config = loaded.get_config()
    config["layers"][4]["config"]["rate"] = 0.25
    other = keras.Sequential.from_config(config)
    other.compile_from_config(loaded.get_compile_config())
    other.set_weights(loaded.get_weights())
    other.save(path)


def other_training(folder: Path) -> None:
    path = folder / "models/model_whole.keras"
    loaded = keras.models.load_model(path)
    loaded.set_weights([-weights for weights in loaded.get_weights()])
    loaded.save(path)


BEST, WEIGHTS = "models/best-model.keras", "models/model.weights.h5"


def one_array(folder: Path) -> None:
    with (folder / "data/prepared/train.npz").open("wb") as file:
        np.save(file, np.zeros(3))


MEASURED = {"accuracy": 1, "loss": 1}


def counts(**changes: object) -> Arrange:
    """metrics/data.json with some other figures."""
    of_digits = {"dataset": "digits", "classes": 10, "train": 9, "val": 9, "test": 360}
    return write("metrics/data.json", json.dumps(of_digits | {"test_in_training": 0, "left_out": 0} | changes))


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
    "the model: of other parameters": other_parameters,
    "a record of another training": lambda folder: params_like(
        folder / "models/inputs.json", '"dropout": 0.3', '"dropout": 0.25'
    ),
    "a record of other images": lambda folder: params_like(
        folder / "data/prepared/inputs.json", '"dataset": "digits"', '"dataset": "images"'
    ),
    "a record absent": lambda folder: (folder / "models/inputs.json").unlink(),
    "a record of nothing": write("models/inputs.json", '{"params": [1]}'),
}
PREPARED = {
    "prepared images absent": lambda folder: (folder / "data/prepared/train.npz").unlink(),
    "prepared images: truncated": lambda folder: truncate(folder / "data/prepared/train.npz"),
    "prepared images: a label without a class": lambda folder: save_images(
        folder / "data/prepared/train.npz", Images(np.zeros((1, 8, 8), np.uint8), np.array([9]), np.array(["a"]))),
    "prepared images: one array": one_array,
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
        write("metrics/train.json", trained(epochs=3).model_dump_json())),
    "predictions for other images": write("plots/predictions.csv", "actual,predicted,confidence\n3,3,0.9\n"),
    "predictions: no such class": lambda folder: (folder / "plots/predictions.csv").write_text(
        (folder / "plots/predictions.csv").read_text().replace(",3,", ",three,")),
    "scores of other classes": write("plots/per_class.csv", "class,precision,recall,f1,support\n3,1,1,1,9\n"),
    "counts of other images": counts(test=9),
    "counts: text for a number": counts(train="9"),
    "counts absent": lambda folder: (folder / "metrics/data.json").unlink(),
    "measurements absent": lambda folder: (folder / "metrics/evaluation.json").unlink(),
    "measurements: no loss on test images": write(
        "metrics/evaluation.json", json.dumps(dict.fromkeys(("training", "validation"), MEASURED) | {"test": {}})),
    "measurements: text for a number": write(
        "metrics/evaluation.json", json.dumps({"training": MEASURED, "validation": {"accuracy": "high", "loss": 1}})),
    "the metrics' record of another run": lambda folder: params_like(
        folder / "metrics/inputs.json", '"patience": 2', '"patience": 3'),
    "the environment: a list": write("metrics/environment.json", "[1]"),
}  # fmt: skip
TRAINING = {
    "the loss is not finite in the first epoch": params(
        dataset="digits", epochs=3, optimizer="sgd", learning_rate=1e30),
    "the loss is not finite later": params(dataset="digits", epochs=3),
}  # fmt: skip
