"""The exported model says what the model says, or is not written."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import ProjectError, UserError
from stages.commands import export
from stages.data.images import load_images
from tests.support.workspace import needs_onnx

ONNX = Path("models/model.onnx")


@pytest.fixture
def exported(complete, monkeypatch):
    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["export", *arguments])
        export.main()

    return run


@needs_onnx
def test_the_file_gives_the_models_probabilities_in_another_runtime_for_any_number_of_images(exported, capsys):
    import onnxruntime

    exported("--format", "onnx")
    assert "on 360 test images its probabilities are within" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(ONNX)
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("pixels", "tensor(uint8)", ["n", 8, 8])
    test = load_images(Path("data/prepared/test.npz"))
    table = Path("plots/predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    for count in (1, 5):
        (probabilities,) = session.run(None, {"pixels": test.images[:count]})
        assert probabilities.max(axis=-1) == pytest.approx(
            [float(row.split(",")[2]) for row in table[:count]], abs=1e-5
        )
    names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert names == test.classes.tolist()


@needs_onnx
def test_a_file_that_says_something_else_gets_no_name(exported, monkeypatch):
    exported()
    before = ONNX.read_bytes()
    monkeypatch.setattr("stages.evaluation.saved_models.predict", lambda model, images: np.full((len(images), 10), 0.1))
    with pytest.raises(ProjectError, match=r"differ by up to 0.*get another class: not kept"):
        exported()
    assert ONNX.read_bytes() == before
    assert list(Path("models").glob(".unfinished*")) == []


def test_without_the_packages_it_says_how_to_get_them(exported, monkeypatch):
    monkeypatch.setattr(export, "PACKAGES", ("no_such_package",))
    with pytest.raises(UserError, match="no_such_package not installed; to install and export: make export"):
        exported()


def test_an_unknown_format_ends_with_2(exported, capsys):
    with pytest.raises(SystemExit) as stopped:
        exported("--format", "pickle")
    assert stopped.value.code == 2
    assert "onnx" in capsys.readouterr().err
