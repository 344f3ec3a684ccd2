"""The exported model gives the model's probabilities, or is not written."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import ProjectError, UserError
from stages.data.images import PREPARED, load_images
from tests.support.workspace import needs_onnx
from tools import export

ONNX = Path("models/model.onnx")


@pytest.fixture
def complete(complete, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["export"])
    return complete


@needs_onnx
def test_the_file_gives_the_models_probabilities_and_a_wrong_one_replaces_nothing(complete, monkeypatch):
    import onnxruntime

    export.main()
    session = onnxruntime.InferenceSession(ONNX)
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("pixels", "tensor(uint8)", [28, 28])
    test = load_images(PREPARED, "test")
    table = Path("plots/predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    (probabilities,) = session.run(None, {"pixels": test.images[:5]})
    assert probabilities.max(axis=-1) == pytest.approx([float(row.split(",")[2]) for row in table[:5]], abs=1e-5)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == test.classes.tolist()

    before = ONNX.read_bytes()
    monkeypatch.setattr(export, "probabilities_in_runtime", lambda path, images: np.full((len(images), 10), 0.1))
    with pytest.raises(ProjectError, match="not kept"):
        export.main()
    assert ONNX.read_bytes() == before
    assert not list(Path("models").glob(".unfinished*"))


def test_without_the_packages_one_line_names_the_command(complete, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"onnx.*make export"):
        export.main()
