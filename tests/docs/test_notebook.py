"""docs/notes.ipynb: what it says is so, in both languages, and it runs from top to bottom and leaves nothing behind."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from stages.base.files import load_csv
from stages.base.params import TrainingParams
from study.notes.design import read_design
from tests.docs.test_notes import code, decimals, links
from tests.support.clone import Clone
from tests.support.workspace import ROOT, read_json

NOTEBOOK = ROOT / "docs/notes.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
TEXTS = {cell.id: cell.source for cell in CELLS if cell.cell_type == "markdown"}
CODE = {cell.id: cell.source for cell in CELLS if cell.cell_type == "code"}
PLOTS = ["rmsprop-5-plot", "rmsprop-20-run", "adam-20", "dropout-11", "stopped-plot"]

# In a cell at its end: what the others found.
TELL = """
import json

print(json.dumps({
    "sizes": [len(part.labels) for part in (train, val, dataset.test)],
    "history": {"rmsprop-5": history, "rmsprop-20": rmsprop_20, "adam-20": adam_20, "dropout-11": dropout_11},
    "stopped": stopped, "result": result.model_dump(), "counted_from_0": early_stopping_cb.stopped_epoch,
    "share_right": share_right, "both": both.accuracy, "evaluated": evaluated,
    "in_memory": in_memory.model_dump(), "kept": kept.model_dump(),
    "same": [our_history == fitted.history, same], "files": files.exists(),
}))
"""


def paragraphs(text: str) -> tuple[list[str], list[str]]:
    """Those in English, and those in Korean, without the heading."""
    found = [each for each in text.split("\n\n") if not each.startswith("#")]
    korean = [each for each in found if re.search("[가-힣]", each)]
    return [each for each in found if each not in korean], korean


def test_it_is_committed_without_outputs_and_with_nothing_that_a_run_leaves():
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))
    written = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in written["cells"]:
        assert not cell.get("outputs"), f"clear the outputs: {cell['id']}"
        assert cell.get("execution_count") is None
        assert cell["metadata"] in ({}, {"tags": ["parameters"]})
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", cell["id"]), "a name, not what an editor draws"
    assert set(written["metadata"]) == {"kernelspec", "language_info"}
    assert written["metadata"]["kernelspec"]["name"] == "python3"
    assert written["metadata"]["language_info"] == {"name": "python"}


@pytest.mark.parametrize("cell", TEXTS)
def test_a_text_is_in_both_languages_with_the_same_code_figures_and_pages(cell: str):
    headings = re.findall(r"(?m)^#+ (.+)$", TEXTS[cell])
    assert all(" · " in heading and re.search("[가-힣]", heading) for heading in headings)
    assert len(paragraphs(TEXTS[cell])[0]) == len(paragraphs(TEXTS[cell])[1]) == 1
    (english,), (korean,) = paragraphs(TEXTS[cell])
    assert TEXTS[cell].index(english) < TEXTS[cell].index(korean)
    for found in (code, decimals, links):
        assert found(english) == found(korean)


@pytest.mark.parametrize("cell", TEXTS)
def test_a_link_leads_to_a_file_in_the_language_of_the_text(cell: str):
    english, korean = (re.findall(r"\]\(([^)]+)\)", "".join(texts)) for texts in paragraphs(TEXTS[cell]))
    for target in english + korean:
        assert (NOTEBOOK.parent / target).is_file(), target
    assert not [target for target in english if target.endswith(".ko.md")]
    for target in korean:
        assert target.endswith(".ko.md") or not (NOTEBOOK.parent / target).with_suffix(".ko.md").exists(), target


def test_all_that_the_notes_name_is_in_it():
    words = (
        "model_fn", "model.summary(", "compile", "RMSprop", "Adam", "Dropout", "history.keys()", "val_loss",
        "model.save(", "model.save_weights(", "load_weights(", "load_model(", "predict(", "np.argmax(", "evaluate",
        "ModelCheckpoint", "save_best_only=True", "EarlyStopping", "patience=2", "restore_best_weights=True",
        "stopped_epoch", ".keras", ".weights.h5", "plt.ylabel(", "드롭아웃", "콜백", "조기 종료", "과대적합",
    )  # fmt: skip
    text = "\n".join([*TEXTS.values(), *CODE.values()])
    assert not [word for word in words if word not in text]


def test_its_trainings_are_the_notes_as_the_study_has_them(monkeypatch):
    monkeypatch.chdir(ROOT)
    design = {name: training.params.model_dump() for name, training in read_design().trainings.items()}
    calls = [
        {each.arg: ast.literal_eval(each.value) for each in node.keywords}
        for source in CODE.values()
        for node in ast.walk(ast.parse(source.replace("%matplotlib inline", "")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "parameters"
    ]
    made = [TrainingParams.model_validate(design["stopped"] | changes).model_dump() for changes in calls]
    assert made == [design[name] for name in ("rmsprop-5", "rmsprop-20", "adam-20", "dropout-11", "stopped")]


def test_the_figures_are_those_of_the_study_and_of_the_committed_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = "\n".join(TEXTS.values())
    assert decimals(text)
    assert decimals(text) <= decimals(Path("study/notes/README.md").read_text(encoding="utf-8"))
    results = load_csv(Path("study/notes/results.csv"), {"training": str, "value": str, "mean": float})
    (epochs,) = (row["mean"] for row in results if (row["training"], row["value"]) == ("stopped", "epochs"))
    assert text.count(f"{epochs:.1f}") == 2
    committed = read_json("metrics/train.json")
    seen = f"lowest in epoch {committed['best_epoch']}, and training ends after epoch {committed['stopped_epoch']}"
    assert seen in TEXTS["stopped-seen"]
    assert f"{committed['best_epoch']}번째" in TEXTS["stopped-seen"]
    assert f"{committed['stopped_epoch']}번째" in TEXTS["stopped-seen"]


def run(clone: Clone, begin: str, monkeypatch, **settings: str) -> dict:
    """Execute it in a clone, with a kernel that begins in one of its folders; what was found."""
    around = clone.folder.parent / "around"
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "TMPDIR"):  # none of the user's
        (around / name).mkdir(parents=True)
        monkeypatch.setenv(name, str(around / name))
    notebook = nbformat.read(clone.folder / "docs/notes.ipynb", as_version=4)
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    for name, value in settings.items():
        cell.source, found = re.subn(rf"(?m)^{name} = .+$", f"{name} = {value}", cell.source)
        assert found == 1
    notebook.cells.append(nbformat.v4.new_code_cell(TELL, id="tell"))
    where = {"metadata": {"path": str(clone.folder / begin)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()

    assert clone.git_status() == ""
    assert not list((around / "TMPDIR").iterdir())
    cells = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    said = {name: "".join(output.get("text", "") for output in outputs) for name, outputs in cells.items()}
    assert not [output for outputs in cells.values() for output in outputs if output.get("name") == "stderr"]
    pictures = {name: sum("image/png" in output.get("data", ()) for output in cells[name]) for name in cells}
    assert {name: count for name, count in pictures.items() if count} == dict.fromkeys(PLOTS, 1)
    assert "epochs 1-5 read back" in said["rmsprop-20-run"]
    return json.loads(said["tell"])


def hold_together(told: dict) -> None:
    """What is so of any images."""
    assert {name: len(history["loss"]) for name, history in told["history"].items()} == {
        "rmsprop-5": 5, "rmsprop-20": 20, "adam-20": 20, "dropout-11": 11,
    }  # fmt: skip
    assert told["share_right"] == pytest.approx(told["evaluated"]["accuracy"])
    assert told["both"] == told["evaluated"]["accuracy"]
    assert told["evaluated"]["loss"] == pytest.approx(told["history"]["dropout-11"]["val_loss"][-1])
    result = told["result"]
    assert result["stopped_early"]
    assert result["stopped_epoch"] == told["counted_from_0"] + 1 == result["best_epoch"] + 2
    assert told["in_memory"] == told["kept"]
    assert told["kept"]["loss"] == pytest.approx(min(told["stopped"]["val_loss"]))
    assert told["same"] == [True, True]
    assert not told["files"]


@pytest.mark.process
def test_it_runs_from_its_own_folder_on_few_images_and_leaves_nothing(tmp_path, monkeypatch):
    clone = Clone(tmp_path / "a clone")
    design = clone.folder / "study/notes.yaml"
    text = design.read_text(encoding="utf-8").replace("learning_rate: 0.001", "learning_rate: 0.05")  # so that it stops
    design.write_text(text, encoding="utf-8")
    clone.commit()
    told = run(clone, "docs", monkeypatch, get_images="datasets.digits", LIMIT="600")
    assert told["sizes"] == [480, 120, 360]
    hold_together(told)


@pytest.mark.process
@pytest.mark.acceptance
@pytest.mark.usefixtures("real_data")
def test_on_all_images_it_sees_what_it_says_and_ends_in_the_committed_run(tmp_path, monkeypatch):
    told = run(Clone(tmp_path / "a clone"), ".", monkeypatch)
    assert told["sizes"] == [48_000, 12_000, 10_000]
    hold_together(told)
    monkeypatch.chdir(ROOT)
    assert told["result"] == read_json("metrics/train.json")
    assert told["in_memory"] == read_json("metrics/evaluation.json")["validation"]

    rmsprop, adam, dropout = (told["history"][name] for name in ("rmsprop-20", "adam-20", "dropout-11"))
    falls = [before - after for before, after in zip(rmsprop["loss"][:4], rmsprop["loss"][1:5], strict=True)]
    assert max(falls) == falls[0]
    assert min(falls) > 0
    assert told["history"]["rmsprop-5"]["loss"] == rmsprop["loss"][:5]
    for history in (rmsprop, adam):
        assert min(history["val_loss"]) < history["val_loss"][-1]
    lowest = [history["val_loss"].index(min(history["val_loss"])) for history in (rmsprop, adam)]
    assert lowest[0] < lowest[1]
    assert adam["val_loss"][-1] < rmsprop["val_loss"][-1]
    assert dropout["val_loss"][0] < dropout["loss"][0]
    assert min(dropout["val_loss"]) < min(told["stopped"]["val_loss"])
