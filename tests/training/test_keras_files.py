import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.data.images import Images
from stages.training.backend import keras
from stages.training.keras_files import make_canonical
from stages.training.model import compiled_model
from tests.support.workspace import params

IMAGES = Images(np.zeros((1, 8, 8), np.uint8), np.zeros(1, np.uint8), np.array(["a", "b"]))


def save(path: Path) -> keras.Sequential:
    model = compiled_model(IMAGES, params())
    model.train_on_batch(*IMAGES[:2])
    model.save(path)
    return model


def test_two_saves_of_equal_models_become_equal_bytes(tmp_path: Path):
    first, second = tmp_path / "first.keras", tmp_path / "second.keras"
    save(first)
    time.sleep(2.1)  # zip files count time in steps of two seconds
    save(second)
    assert first.read_bytes() != second.read_bytes()
    for path in (first, second):
        make_canonical(path)
    assert first.read_bytes() == second.read_bytes()


def test_keras_reads_a_canonical_file(tmp_path: Path):
    path = tmp_path / "model.keras"
    model = save(path)
    make_canonical(path)
    assert [item.name for item in tmp_path.iterdir()] == ["model.keras"]
    pixels = np.zeros((1, 8, 8), np.uint8)
    expected = model.predict(pixels, verbose=0)
    np.testing.assert_array_equal(keras.models.load_model(path).predict(pixels, verbose=0), expected)


def test_objects_that_were_shared_stay_shared_and_others_apart(tmp_path: Path):
    config = {"a": {"shared_object_id": 7001}, "b": [{"shared_object_id": 9}, {"shared_object_id": 7001}]}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    make_canonical(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert config == {"a": {"shared_object_id": 0}, "b": [{"shared_object_id": 1}, {"shared_object_id": 0}]}


def test_what_is_no_archive_is_left_as_it_was(tmp_path: Path):
    (tmp_path / "model.keras").write_bytes(b"not a zip file")
    with pytest.raises(zipfile.BadZipFile):
        make_canonical(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == b"not a zip file"
