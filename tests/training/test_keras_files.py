import json
import time
import zipfile
from pathlib import Path

import numpy as np

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
    saved, canonical = [], []
    for name in ("first.keras", "second.keras"):
        save(tmp_path / name)
        saved.append((tmp_path / name).read_bytes())
        make_canonical(tmp_path / name)
        canonical.append((tmp_path / name).read_bytes())
        time.sleep(2.1)  # zip files count time in steps of two seconds
    assert saved[0] != saved[1]
    assert canonical[0] == canonical[1]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_canonical_file_comes_back_whole_without_custom_objects(tmp_path: Path):
    model = save(tmp_path / "model.keras")
    make_canonical(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.evaluate(*IMAGES[:2], verbose=0) == model.evaluate(*IMAGES[:2], verbose=0)
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_objects_that_were_shared_stay_shared_and_others_apart(tmp_path: Path):
    config = {"a": {"shared_object_id": 7001}, "b": [{"shared_object_id": 9}, {"shared_object_id": 7001}]}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    make_canonical(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert config == {"a": {"shared_object_id": 0}, "b": [{"shared_object_id": 1}, {"shared_object_id": 0}]}
