"""docs/notes.ipynb: both languages agree, its numbers and outputs are those of a new run, which leaves nothing behind.

After a change of a cell or of results, renew the outputs (all images, minutes): python -m tests.docs.test_notebook
"""

import ast
import json
import os
import re
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from stages.base.params import TrainingParams
from tests.docs.text import ROOT, code, describes_this_run, links, numbers, read
from tests.support.clone import Clone

NOTEBOOK = ROOT / "docs/notes.ipynb"
COMMITTED = nbformat.read(NOTEBOOK, as_version=4)
TEXTS = {cell.id: cell.source for cell in COMMITTED.cells if cell.cell_type == "markdown"}
CODE = {cell.id: cell.source for cell in COMMITTED.cells if cell.cell_type == "code"}
PLOTS = ["rmsprop-5-plot", "rmsprop-20-run", "adam-20", "dropout-11", "stopped-plot"]
SILENT = ["root", "parameters", "clean"]

# A last cell, which prints what the others found.
RESULTS = """
import json

print(json.dumps({
    "sizes": [len(part.labels) for part in (train, val, dataset.test)],
    "history": {"rmsprop-5": history, "rmsprop-20": rmsprop_20, "adam-20": adam_20, "dropout-11": dropout_11},
    "stopped": stopped, "result": result.model_dump(), "counted_from_0": early_stopping_cb.stopped_epoch,
    "share_right": share_right, "both": both.accuracy, "evaluated": evaluated,
    "in_memory": in_memory.model_dump(exclude_none=True), "kept": kept.model_dump(exclude_none=True),
    "same": [our_history == fitted.history, same], "files": files.exists(),
}))
"""


@pytest.mark.parametrize("cell", TEXTS)
def test_a_text_is_in_both_languages_with_the_same_code_numbers_and_links(cell: str):
    paragraphs = [each for each in TEXTS[cell].split("\n\n") if not each.startswith("#")]
    english, korean = paragraphs
    assert re.search("[가-힣]", korean)
    assert not re.search("[가-힣]", english)
    for found in (code, numbers, links):
        assert found(english) == found(korean)
    assert all((NOTEBOOK.parent / target).is_file() for target in re.findall(r"\]\(([^)]+)\)", TEXTS[cell]))


def test_its_trainings_are_those_of_the_study(monkeypatch):
    study = pytest.importorskip("study.notes.design")
    monkeypatch.chdir(ROOT)
    design = {name: row.params(seed=0).model_dump() for name, row in study.read_design().trainings.items()}
    calls = [
        {each.arg: ast.literal_eval(each.value) for each in node.keywords}
        for source in CODE.values()
        for node in ast.walk(ast.parse(source.replace("%matplotlib inline", "")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "parameters"
    ]
    made = [TrainingParams.model_validate(design["stopped"] | changes).model_dump() for changes in calls]
    of_study = [design[name] for name in ("rmsprop-5", "rmsprop-20", "adam-20", "dropout-11", "stopped")]
    checkpoint = {"save_best_only": True}  # in the notebook only the last training has a checkpoint
    assert [params | {"seed": 0} for params in made] == [params | checkpoint for params in of_study]


@describes_this_run
def test_the_numbers_are_those_of_the_study_and_of_the_committed_run():
    found = {number for number in numbers("\n".join(TEXTS.values())) if re.fullmatch(r"\d\.\d{4}", number)}
    assert found
    assert found <= {number.lstrip("+-") for number in numbers(read("study/notes/README.md"))}
    committed = json.loads(read("metrics/train.json"))
    seen = [int(number) for number in re.findall(r"epoch (\d+)", TEXTS["stopped-seen"])]
    assert seen == [committed["best_epoch"], committed["stopped_epoch"]]


def outputs(notebook: nbformat.NotebookNode) -> dict[str, list]:
    """Return the outputs of each code cell in the committed notebook."""
    return {cell.id: cell.outputs for cell in notebook.cells if cell.id in CODE}


def printed(cell_outputs: list) -> str:
    return "".join(output.get("text", "") for output in cell_outputs)


def with_plots(found: dict[str, list]) -> list[str]:
    return [name for name, made in found.items() if any("image/png" in output.get("data", ()) for output in made)]


def test_every_code_cell_has_its_output_from_one_run_in_order_and_no_version_is_named():
    found = outputs(COMMITTED)
    assert [name for name, made in found.items() if not made] == SILENT
    assert with_plots(found) == PLOTS
    assert [cell.execution_count for cell in COMMITTED.cells if cell.id in CODE] == list(range(1, len(CODE) + 1))
    assert COMMITTED.metadata.language_info == {"name": "python"}
    assert NOTEBOOK.stat().st_size < 300_000  # .pre-commit-config.yaml lets no larger file into Git


@pytest.mark.parametrize("cell", CODE)
def test_no_output_has_an_error_or_names_a_machine_or_a_time(cell: str):
    for output in outputs(COMMITTED)[cell]:
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        texts = [output.get("text", ""), *(text for kind, text in output.get("data", {}).items() if "text/" in kind)]
        text = re.sub("<[^>]+>", "", "\n".join(texts))  # without the tags of tables
        assert not re.search(r"""(?:^|[\s'"(=])(?:~?/|[A-Z]:\\)\w""", text), "a path"
        assert not re.search(r"\d:\d\d|\d{4}-\d\d-\d\d|\d ?m?s\b|second", text), "a time"
        assert not re.search(r"0x[0-9a-f]{6}", text), "an address in memory"


@describes_this_run
def test_the_printed_scores_are_those_of_the_committed_run():
    evaluation, train = (json.loads(read(f"metrics/{name}.json")) for name in ("evaluation", "train"))
    found, scores = outputs(COMMITTED), evaluation["validation"]
    assert printed(found["evaluate-stopped"]).count(f"{scores['loss']} {scores['accuracy']}\n") == 2
    assert f"keeps epoch {train['best_epoch']}\n" in printed(found["stopped"])


def execute(clone: Clone, begin: str, **settings: str) -> nbformat.NotebookNode:
    """Execute the notebook in a clone, from one of its folders, with a last cell that prints the results."""
    notebook = nbformat.read(clone.folder / "docs/notes.ipynb", as_version=4)
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    for name, value in settings.items():
        cell.source, count = re.subn(rf"(?m)^{name} = .+$", f"{name} = {value}", cell.source)
        assert count == 1
    notebook.cells.append(nbformat.v4.new_code_cell(RESULTS, id="results"))
    where = {"metadata": {"path": str(clone.folder / begin)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where, coalesce_streams=True)
    around = clone.folder.parent / "around"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "TMPDIR"):  # not the user's own
            (around / name).mkdir(parents=True)
            patch.setenv(name, str(around / name))
        client.execute()
    assert not list((around / "TMPDIR").iterdir())
    return notebook


def run(clone: Clone, begin: str, **settings: str) -> tuple[dict, dict[str, list]]:
    """Execute the notebook; return the printed results, and the outputs of its cells."""
    notebook = execute(clone, begin, **settings)
    assert clone.git_status() == ""
    found = outputs(notebook)
    assert not [output for made in found.values() for output in made if output.get("name") == "stderr"]
    assert with_plots(found) == PLOTS
    return json.loads(printed(notebook.cells[-1].outputs)), found


def check(found: dict) -> None:
    """Check the results that do not depend on the images."""
    epochs = {name: len(history["loss"]) for name, history in found["history"].items()}
    assert epochs == {"rmsprop-5": 5, "rmsprop-20": 20, "adam-20": 20, "dropout-11": 11}
    assert found["share_right"] == pytest.approx(found["evaluated"]["accuracy"])
    assert found["both"] == found["evaluated"]["accuracy"]
    assert found["evaluated"]["loss"] == pytest.approx(found["history"]["dropout-11"]["val_loss"][-1])
    result = found["result"]
    assert result["stopped_early"]
    assert result["stopped_epoch"] == found["counted_from_0"] + 1 == result["best_epoch"] + 2
    assert found["in_memory"] == found["kept"]
    assert found["kept"]["loss"] == pytest.approx(min(found["stopped"]["val_loss"]))
    assert found["same"] == [True, True]
    assert not found["files"]


@pytest.mark.process
def test_it_runs_from_its_own_folder_on_few_images_and_leaves_nothing(tmp_path):
    clone = Clone(tmp_path / "a clone")
    design = clone.folder / "study/notes.yaml"
    text = design.read_text(encoding="utf-8").replace("learning_rate: 0.001", "learning_rate: 0.05")  # so that it stops
    design.write_text(text, encoding="utf-8")
    clone.commit()
    found, _ = run(clone, "docs", get_images="datasets.sample", LIMIT="600")
    assert found["sizes"] == [480, 120, 1_000]
    check(found)


@pytest.mark.process
@pytest.mark.acceptance
@pytest.mark.usefixtures("real_data")
@describes_this_run
def test_on_all_images_its_outputs_are_the_committed_ones_and_its_sentences_are_true(tmp_path):
    found, made = run(Clone(tmp_path / "a clone"), ".")
    assert made == outputs(COMMITTED)
    assert found["sizes"] == [48_000, 12_000, 10_000]
    check(found)
    assert found["result"] == json.loads(read("metrics/train.json"))
    assert found["in_memory"] == json.loads(read("metrics/evaluation.json"))["validation"]

    rmsprop, adam, dropout = (found["history"][name] for name in ("rmsprop-20", "adam-20", "dropout-11"))
    falls = [before - after for before, after in zip(rmsprop["loss"][:4], rmsprop["loss"][1:5], strict=True)]
    assert max(falls) == falls[0]
    assert min(falls) > 0
    for history in (rmsprop, adam):
        assert min(history["val_loss"]) < history["val_loss"][-1]
    assert adam["val_loss"][-1] < rmsprop["val_loss"][-1]
    assert dropout["val_loss"][0] < dropout["loss"][0]
    assert min(dropout["val_loss"]) < min(found["stopped"]["val_loss"])


def renew() -> None:
    """Write the outputs of a run on all images, in a clone with an empty store, into the notebook."""
    os.environ.setdefault("FASHION_MNIST_DIR", str(ROOT / "data/raw"))
    with tempfile.TemporaryDirectory() as folder:
        executed = {cell.id: cell for cell in execute(Clone(Path(folder) / "clone"), "docs").cells}
    for cell in COMMITTED.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = executed[cell.id].outputs, executed[cell.id].execution_count
    nbformat.write(COMMITTED, NOTEBOOK)


if __name__ == "__main__":
    renew()
