import json
import zipfile
from pathlib import Path

import numpy as np

from stages.data.images import Images
from stages.training.backend import keras
from stages.training.keras_files import make_canonical
from stages.training.model import compiled_model
from tests.support.workspace import params

IMAGES = Images(np.zeros((1, 8, 8), np.uint8), np.zeros(1, np.uint8), np.array(["a", "b"]))


def test_two_saves_of_equal_models_become_equal_bytes_and_load_in_stock_keras(tmp_path: Path):
    first, second = tmp_path / "first.keras", tmp_path / "second.keras"
    for path in (first, second):
        model = compiled_model(IMAGES, params())
        model.train_on_batch(*IMAGES[:2])
        model.save(path)
    for path in (first, second):
        make_canonical(path)
    assert first.read_bytes() == second.read_bytes()
    assert set(tmp_path.iterdir()) == {first, second}
    loaded = keras.models.load_model(first, safe_mode=True)
    assert loaded.evaluate(*IMAGES[:2], verbose=0) == model.evaluate(*IMAGES[:2], verbose=0)
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_dates_and_the_order_of_members_do_not_count_and_shared_objects_stay_shared(tmp_path: Path):
    path = tmp_path / "model.keras"
    canonical = []
    for year, step in ((2001, 1), (2002, -1)):
        ids = [{"shared_object_id": year + 7}, {"shared_object_id": 9}, {"shared_object_id": year + 7}]
        contents = {"config.json": {"layers": ids}, "metadata.json": {"date_saved": f"{year}-01-01", "keras": "3"}}
        with zipfile.ZipFile(path, "w") as archive:
            for name in list(contents)[::step]:
                archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), json.dumps(contents[name]))
        make_canonical(path)
        canonical.append(path.read_bytes())
    assert canonical[0] == canonical[1]
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("config.json"))["layers"] == [{"shared_object_id": n} for n in (0, 1, 0)]
        assert json.loads(archive.read("metadata.json"))["keras"] == "3"
