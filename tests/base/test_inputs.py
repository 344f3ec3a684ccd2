"""The declared inputs of a stage, read at its beginning and checked at its end."""

import os
import shutil
from pathlib import Path

import pytest

from stages.base import inputs as module
from stages.base.errors import ProjectError, UserError
from stages.base.files import save_json
from stages.base.inputs import MAKER, Inputs, check_made_with, warn_if_edited
from stages.base.params import read_params
from stages.base.process import outputs
from tests.support.workspace import ROOT, SMALL, write_params

FUTURE = 2**63


@pytest.fixture
def inputs(workspace: Path, monkeypatch) -> Inputs:
    """Those of prepare, with pictures and a copy of its sources, in a process that has imported all sources."""
    monkeypatch.setattr(module, "STARTED_NS", FUTURE)
    (workspace / "data/examples").mkdir()
    for name in ("1.png", "2.png", ".hidden"):
        (workspace / "data/examples" / name).write_bytes(b"a picture")
    shutil.copytree(ROOT / "stages/base", workspace / "stages/base")
    return Inputs("prepare")


def move_into_place() -> None:
    """Replace a file by one of the same size and times."""
    old = Path("data/examples/1.png")
    Path("new").write_bytes(b"A picture")
    os.utime("new", ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
    Path("new").rename(old)


CHANGES = [
    ("params.yaml: val_size", lambda: write_params(Path(), **SMALL, epochs=3, val_size=0.3)),
    ("stages/base/errors.py", lambda: Path("stages/base/errors.py").touch()),
    ("data/examples/1.png", lambda: Path("data/examples/1.png").write_bytes(b"A picture")),
    ("data/examples/1.png", move_into_place),
    ("data/examples/2.png", lambda: Path("data/examples/2.png").unlink()),
    ("data/examples/3.png", lambda: Path("data/examples/3.png").touch()),
]


@pytest.mark.parametrize(("what", "change"), CHANGES)
def test_a_change_during_the_stage_is_named_and_replaces_no_output(inputs: Inputs, what: str, change):
    Path("metrics").mkdir()
    Path("metrics/data.json").write_text("previous")
    change()
    with pytest.raises(ProjectError, match=rf"^{what} changed"), outputs(inputs) as begin:
        begin(Path("metrics/data.json")).write_text("new")
    assert Path("metrics/data.json").read_text() == "previous"
    assert list(Path().rglob(".unfinished*")) == []


def test_a_source_that_changed_after_the_process_started_may_have_been_imported_before(inputs: Inputs, monkeypatch):
    monkeypatch.setattr(module, "STARTED_NS", 0)
    with pytest.raises(ProjectError, match=r"\.py changed"):
        inputs.check(inputs.outputs)


def test_what_the_stage_does_not_read_may_change(inputs: Inputs):
    write_params(Path(), **SMALL, epochs=3, dropout=0.5, val_size="2e-1")  # dropout is of another stage
    for name in ("data/examples/.DS_Store", "stages/base/x.pyc", "stages/base/.a.py.swp", "stages/base/a.py~"):
        Path(name).touch()
    inputs.check(inputs.outputs)


def test_dvc_may_link_a_cached_file_for_another_workspace(inputs: Inputs):
    os.link("data/fashion_mnist.yaml", "cached")
    inputs = Inputs("prepare")
    os.link("cached", "elsewhere")
    inputs.check(inputs.outputs)


@pytest.mark.parametrize("different", ["metrics/data.json", "metrics/more.json"])
def test_a_stage_must_write_exactly_its_declared_outputs(inputs: Inputs, different: str):
    """DVC would record a forgotten output, which it does not delete, as new."""
    with pytest.raises(ProjectError, match=different):
        inputs.check(inputs.outputs ^ {Path(different)})


def test_results_of_other_parameters_are_refused_by_later_stages_and_named_by_tools(workspace: Path, capsys):
    write_params(workspace, **SMALL, learning_rate=1e-5, patience=None)
    for path, stage in MAKER.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_json(path, Inputs(stage).used())
    params = read_params()
    check_made_with(params)
    warn_if_edited()
    assert capsys.readouterr().err == ""
    for stage, name, value in (("train", "dropout", 0.25), ("train", "patience", 2), ("prepare", "val_size", 0.5)):
        with pytest.raises(UserError, match=rf"{name} .*dvc repro --force {stage}"):
            check_made_with(params.model_copy(update={name: value}))
    for name in ("dropout", "droput"):  # an edit, and a mistake
        write_params(workspace, **SMALL, learning_rate=1e-5, patience=None, **{name: 0.25})
        warn_if_edited()
        assert name in capsys.readouterr().err
    write_params(workspace, **SMALL, dropout=0.25)
    next(iter(MAKER)).unlink()
    warn_if_edited()
    assert capsys.readouterr().err == ""  # there is nothing to compare
