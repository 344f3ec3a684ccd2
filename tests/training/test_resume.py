"""No epoch is computed twice, whatever is killed or changed, and the bytes are those of one run from nothing."""

import shutil
from pathlib import Path

import pytest

from stages import train
from stages.data.images import Dataset, Images
from stages.training import store
from stages.training.model import compiled_model
from tests.support.made import outputs_in
from tests.support.sources import imports
from tests.support.workspace import ROOT, SMALL, head, params, write_params

pytestmark = pytest.mark.trains


def run(**changes: object) -> dict[str, bytes]:
    """Train with the store of the current folder; return the outputs."""
    write_params(Path(), **SMALL | {"hidden_units": 8, "epochs": 8, "learning_rate": 0.05} | changes)
    train.main()
    return outputs_in(Path())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"epochs": 3}, {"epochs": 5, "patience": None}),
        ({"patience": 1}, {"patience": None}),
        ({"patience": None}, {"patience": 1}),
        ({"patience": None}, {"patience": 2, "min_delta": 0.05}),
        ({"patience": None}, {"patience": None, "save_best_only": False}),
        ({"patience": None}, {"patience": 3, "restore_best_weights": False}),
        ({"patience": None}, {"patience": 3, "monitor": "val_accuracy"}),
    ],
)
def test_a_change_computes_only_the_epochs_that_are_new(prepared: Path, monkeypatch, before: dict, after: dict):
    run(**before)
    changed = run(**after)
    assert len(list(Path("models/.epochs").glob("*/0*"))) == after.get("epochs", 8)
    monkeypatch.setenv("DVC_ROOT", str(prepared / "elsewhere"))  # where the store is empty
    assert run(**after) == changed
    assert list(Path("elsewhere/models/.epochs").glob("*/0*"))


def key(data: Images, **changes: object) -> str:
    val, environment = changes.pop("val", data), changes.pop("environment", {"numpy": "2"})
    given = params(**{"hidden_units": 8} | changes)
    model = compiled_model(data, given)
    images = store.data_digest(data, val)
    return store.epoch_key(model, images, batch_size=given.batch_size, seed=given.seed, environment=environment)


def test_whatever_decides_an_epoch_changes_the_key(sample_data: Dataset, monkeypatch):
    data = head(sample_data.train, 20)
    keys = [key(data), key(head(sample_data.train, 19)), key(data, val=head(sample_data.train, 19))]
    for name, value in {
        "hidden_units": 9, "dropout": 0, "optimizer": "sgd", "learning_rate": 0.2, "seed": 2, "batch_size": 5,
        "environment": {"numpy": "3"},
    }.items():  # fmt: skip
        keys.append(key(data, **{name: value}))
    one_pixel = data.images.copy()
    one_pixel[3, 4, 5] ^= 1
    keys.append(key(data._replace(images=one_pixel)))
    keys.append(key(data._replace(labels=data.labels[::-1].copy())))
    for name, value in (("ONEDNN_MAX_CPU_ISA", "DEFAULT"), ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            keys.append(key(data))
    for name, value in (("model.MOST_IMAGES", 512), ("backend.threads", lambda: 2)):
        with monkeypatch.context() as patch:
            patch.setattr(f"stages.training.{name}", value)
            keys.append(key(data))
    assert len(set(keys)) == len(keys)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "1")
    assert key(data) == keys[0]


@pytest.mark.parametrize("name", store.COMPUTING)
def test_changed_code_changes_the_key_and_a_changed_comment_does_not(sample_data, monkeypatch, tmp_path, name):
    data = head(sample_data.train, 20)
    before = key(data)
    shutil.copytree(ROOT / "stages/training", tmp_path / "training")
    monkeypatch.setattr(store, "__file__", str(tmp_path / "training/store.py"))
    copy = tmp_path / "training" / name
    text = copy.read_text(encoding="utf-8")
    copy.write_text(text.replace('"""', '"""Another docstring. ', 1) + "\n\n# a comment\n", encoding="utf-8")
    assert key(data) == before
    copy.write_text(text + "EXTRA = 1\n", encoding="utf-8")
    assert key(data) != before


def test_the_modules_in_the_key_import_no_other_module_that_computes():
    """They import types, errors and names from elsewhere."""
    computing = {ROOT / "stages/training" / name for name in store.COMPUTING}
    taken = set().union(
        *(names for file in computing for other, names in imports(file).items() if other not in computing)
    )
    assert taken == {
        "METRICS", "Images", "Logs", "PARAMS_FILE", "ProjectError", "TrainingParams", "UserError", "one_line",
        "skip_imports",
    }  # fmt: skip
