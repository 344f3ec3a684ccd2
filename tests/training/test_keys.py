"""The key of a stored epoch: what changes it and what does not."""

import shutil

import numpy as np
import pytest

from stages.data.images import Dataset, Images
from stages.training import keys
from stages.training.model import compiled_model
from tests.support.sources import imports
from tests.support.workspace import ROOT, head, params


def test_lists_with_the_same_bytes_have_different_digests():
    lists = [
        (b"ab", b"c"), (b"a", b"bc"), (b"abc",), ("abc",), (np.frombuffer(b"abc", np.uint8),), (b"abc", b""),
        (np.zeros(4, np.int32),), (np.zeros((2, 2), np.int32),), (np.zeros(4, np.float32),), (np.zeros(2, np.int64),),
    ]  # fmt: skip
    assert len({keys.digest(*parts) for parts in lists}) == len(lists)
    transposed = np.arange(6).reshape(2, 3).T
    assert keys.digest(transposed) == keys.digest(transposed.copy())


def key(data: Images, **changes: object) -> str:
    val, environment = changes.pop("val", data), changes.pop("environment", {"numpy": "2"})
    seed = changes.pop("order", 42)
    given = params(**{"hidden_units": 8} | changes)
    model = compiled_model(data, given)
    images = keys.data_digest(data, val)
    return keys.epoch_key(model, images, batch_size=given.batch_size, seed=seed, environment=environment)


@pytest.mark.trains
def test_whatever_decides_an_epoch_changes_the_key(sample_data: Dataset, monkeypatch):
    data = head(sample_data.train, 20)
    found = [key(data), key(head(sample_data.train, 19)), key(data, val=head(sample_data.train, 19))]
    for name, value in {
        "hidden_units": 9, "dropout": 0, "optimizer": "sgd", "learning_rate": 0.2, "seed": 2, "order": 2,
        "batch_size": 5, "environment": {"numpy": "3"},
    }.items():  # fmt: skip
        found.append(key(data, **{name: value}))
    one_pixel = data.images.copy()
    one_pixel[3, 4, 5] ^= 1
    found.append(key(data._replace(images=one_pixel)))
    found.append(key(data._replace(labels=data.labels[::-1].copy())))
    for name, value in (("ONEDNN_MAX_CPU_ISA", "DEFAULT"), ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            found.append(key(data))
    for name, value in (("model.MOST_IMAGES", 512), ("backend.threads", lambda: 2)):
        with monkeypatch.context() as patch:
            patch.setattr(f"stages.training.{name}", value)
            found.append(key(data))
    assert len(set(found)) == len(found)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "1")
    assert key(data) == found[0]


@pytest.mark.trains
@pytest.mark.parametrize("name", keys.COMPUTING)
def test_changed_code_changes_the_key_and_a_changed_comment_does_not(sample_data, monkeypatch, tmp_path, name):
    data = head(sample_data.train, 20)
    before = key(data)
    shutil.copytree(ROOT / "stages/training", tmp_path / "training")
    monkeypatch.setattr(keys, "__file__", str(tmp_path / "training/keys.py"))
    copy = tmp_path / "training" / name
    text = copy.read_text(encoding="utf-8")
    copy.write_text(text.replace('"""', '"""Another docstring. ', 1) + "\n\n# a comment\n", encoding="utf-8")
    assert key(data) == before
    copy.write_text(text + "EXTRA = 1\n", encoding="utf-8")
    assert key(data) != before


def test_the_modules_in_the_key_import_no_other_module_that_computes():
    """They import types, errors and names from elsewhere."""
    computing = {ROOT / "stages/training" / name for name in keys.COMPUTING}
    taken = set().union(
        *(names for file in computing for other, names in imports(file).items() if other not in computing)
    )
    assert taken == {
        "METRICS", "Images", "Logs", "PARAMS_FILE", "ProjectError", "TrainingParams", "UserError", "one_line",
        "skip_imports",
    }  # fmt: skip
