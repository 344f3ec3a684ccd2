"""What a stage reads: noted, held against what is there at its end, and written down."""

import json
from pathlib import Path

import pytest
import yaml

from stages import SOURCES
from stages.base.errors import ProjectError, UserError
from stages.base.files import as_json
from stages.base.inputs import Inputs, _noted, comparable, hold, md5_of, record
from stages.base.process import outputs
from tests.support.workspace import ROOT, write_params

LOCK = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]


@pytest.fixture
def inputs(workspace: Path) -> Inputs:
    (workspace / "data/examples").mkdir()
    (workspace / "data/examples/1.png").write_bytes(b"a picture")
    noted = Inputs("prepare")
    noted.record()  # all is read
    return noted


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


CHANGES = {
    "params.yaml: val_size": lambda: replace(Path("params.yaml"), "val_size: 0.2", "val_size: 0.3"),
    "params.yaml: limit": lambda: replace(Path("params.yaml"), "limit:", "limit: 100"),
    "params.yaml": lambda: Path("params.yaml").write_text("dropout: {"),
    "data/fashion_mnist.yaml": lambda: replace(Path("data/fashion_mnist.yaml"), "mirrors:", "mirrors: "),
    "data/examples": lambda: Path("data/examples/1.png").write_bytes(b"A picture"),
    "data/params.schema.json": lambda: Path("data/params.schema.json").touch(),
}
MORE = {
    "a picture more": lambda: Path("data/examples/2.png").touch(),
    "a picture less": lambda: Path("data/examples/1.png").unlink(),
    "another name": lambda: Path("data/examples/1.png").rename("data/examples/2.png"),
}


@pytest.mark.parametrize(
    ("what", "change"), [*CHANGES.items(), *(("data/examples", change) for change in MORE.values())]
)
def test_what_is_changed_meanwhile_is_named(inputs, what, change):
    change()
    with pytest.raises(ProjectError) as stopped:
        inputs.stop_if_changed()
    assert str(stopped.value) == f"{what} was changed while prepare ran, so nothing is recorded; run it again"


def test_what_prepare_does_not_read_and_what_is_written_otherwise_may_be_changed(inputs):
    replace(Path("params.yaml"), "dropout: 0.3", "dropout: 0.5  # of another stage")
    replace(Path("params.yaml"), "val_size: 0.2", "val_size: 2e-1")
    Path("data/examples/1.png").touch()
    inputs.stop_if_changed()


def test_several_changes_are_counted(inputs):
    replace(Path("params.yaml"), "val_size: 0.2", "val_size: 0.3")
    Path("data/examples/1.png").unlink()
    with pytest.raises(ProjectError, match=r"^params.yaml: val_size was changed while prepare ran \(and 1 more\), so"):
        inputs.stop_if_changed()


def test_a_source_is_held_against_what_it_was_before_it_was_imported(inputs, monkeypatch):
    for source in ("stages/prepare.py", "stages/data/idx.py"):  # the second lies in a folder that is declared
        with monkeypatch.context() as patch:
            patch.setitem(SOURCES, source, "another")
            with pytest.raises(ProjectError, match=rf"^{source} was changed while prepare ran"):
                Inputs("prepare").stop_if_changed()


def test_the_sources_behind_a_sample_are_held_too(inputs, monkeypatch):
    monkeypatch.setitem(SOURCES, "stages/training/adam.py", "another")
    Inputs("sizes-dense", "study/dvc.yaml").stop_if_changed()
    with pytest.raises(ProjectError, match=r"^stages/training/adam.py was changed while sizes-dense ran, so"):
        Inputs("sizes-dense", "study/dvc.yaml", before="sizes-sample").stop_if_changed()


def test_a_stage_whose_inputs_changed_replaces_no_output(inputs):
    Path("old").write_text("yesterday's")
    replace(Path("params.yaml"), "val_size: 0.2", "val_size: 0.3")
    with pytest.raises(ProjectError), outputs(inputs.stop_if_changed) as begin:
        begin(Path("old")).write_text("new")
    assert Path("old").read_text() == "yesterday's"
    assert list(Path().glob(".unfinished*")) == []


def test_a_folder_counts_as_dvc_counts_it(workspace):
    for folder in ("data/examples/", "stages/base/", "stages/data/"):
        (md5,) = (dep["md5"] for dep in LOCK["prepare"]["deps"] if dep["path"] == folder)
        assert md5_of(ROOT / folder, ROOT) == md5
        assert _noted(folder.rstrip("/")) in (md5, None)
    assert md5_of(Path("nothing")) is None


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ("1e-05", 1e-5),
        ("", None),
        (0.0, 0),
        ("32", 32),
        (None, None),
        (True, True),
        ("adam", "adam"),
        ("inf", "inf"),
        ([1], [1]),
    ],
)  # fmt: skip
def test_values_are_compared_as_either_reader_of_yaml_gives_them(value, same):
    assert repr(comparable(value)) == repr(comparable(same))


def test_true_is_not_one():
    assert repr(comparable(True)) != repr(comparable(1))


def test_a_record_of_other_parameters_is_refused(workspace):
    write_params(workspace, dataset="digits", epochs=3, learning_rate=1e-5)
    inputs = Inputs("evaluate")
    path = Path("models/inputs.json")
    path.parent.mkdir()
    path.write_text(as_json(record({"learning_rate": "1e-05", "dropout": 0.3, "patience": 2}, {})))
    hold(path, inputs)
    for values in ({"dropout": 0.25}, {"patience": None}, {"droput": 1}):
        path.write_text(json.dumps({"params": values}))
        with pytest.raises(UserError, match=rf"^models/: made with {next(iter(values))} "):
            hold(path, inputs)


@pytest.mark.dvc
def test_a_folder_with_hidden_ignored_and_linked_files_counts_as_dvc_counts_it(tmp_path: Path, monkeypatch):
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True)
    folder = tmp_path / "data/mine"
    for name in ("cat/1.png", "cat/.DS_Store", "cat/Thumbs.db", "dog/2.tmp", "dog/b c.png", ".git/config", "é/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "dog/link.png").symlink_to("2.tmp")
    (folder / "cow").symlink_to("cat")
    (tmp_path / ".dvcignore").write_text("*.tmp\n")
    (tmp_path / "data/.dvcignore").write_text("Thumbs.db\n/mine/é/\n")
    (tmp_path / "dvc.yaml").write_text("stages: {s: {cmd: touch made, deps: [data/mine/], outs: [made]}}")
    with Repo() as repo:
        (stage,) = repo.index.stages
        assert md5_of(Path("data/mine/")) == stage.deps[0].get_hash().value
