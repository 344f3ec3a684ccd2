"""dvc.yaml against the code: what a stage imports, reads and draws must be what it declares."""

import ast
import csv
import json
import re

import pytest
import yaml
from jinja2 import Environment
from jinja2.meta import find_referenced_templates

from stages.core.params import Params
from tests.conftest import ROOT, imported_files

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = list(PIPELINE["stages"])
TEMPLATES = ROOT / "stages/templates"


def names(entries: list) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def outputs(stage: dict) -> set[str]:
    return names(stage.get("outs", []) + stage.get("metrics", []) + stage.get("plots", []))


def texts(stage: str) -> set[str]:
    """Every text that stands in the modules of a stage."""
    return {
        node.value
        for file in imported_files(ROOT / f"stages/{stage}.py", set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def templates(names: set[str]) -> set[str]:
    """Those of these names that are templates, and the templates that they extend, import or include."""
    found, waiting = set(), names & {path.name for path in TEMPLATES.iterdir()}
    while waiting:
        found.add(name := waiting.pop())
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        waiting |= set(find_referenced_templates(Environment().parse(text))) - found
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_modules_that_it_imports_and_the_templates_that_it_fills_in(stage: str):
    declared = {dep for dep in PIPELINE["stages"][stage]["deps"] if dep.startswith("stages/")}
    imported = {file.relative_to(ROOT).as_posix() for file in imported_files(ROOT / f"stages/{stage}.py", set())}
    assert declared == imported | {"stages/__init__.py"} | {
        f"stages/templates/{name}" for name in templates(texts(stage))
    }


def test_a_page_is_made_of_more_than_one_template_and_the_test_above_finds_them():
    assert templates(texts("plot")) == {"report.html", "base.html", "macros.html", "page.css"}
    assert templates(texts("evaluate")) == {"CARD.md"}
    assert templates(texts("train")) == set()


def attributes(tree: ast.AST, of: str) -> set[str]:
    """What is read of a variable of this name."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return {node.attr for node in nodes if node.value.id == of}


def read_by_methods() -> dict[str, set[str]]:
    """The parameters that each method of `Params` reads."""
    tree = ast.parse((ROOT / "stages/core/params.py").read_text(encoding="utf-8"))
    methods = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    found = {method.name: attributes(method, "self") & set(Params.model_fields) for method in methods}
    return found | {"used": set(Params.model_fields)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_exactly_the_parameters_that_it_reads(stage: str):
    # the data sets are the one place below the stages that reads them: each has its own
    files = imported_files(ROOT / f"stages/{stage}.py", set()) & {ROOT / "stages/core/datasets.py"}
    read = set()
    for file in (ROOT / f"stages/{stage}.py", *files):
        read |= attributes(ast.parse(file.read_text(encoding="utf-8")), "params")
    for method in read & read_by_methods().keys():
        read = read - {method} | read_by_methods()[method]
    assert read == set(PIPELINE["stages"][stage].get("params", []))


def test_parameters_are_handed_on_whole_to_the_data_sets_alone():
    """Or the test above would not see who reads what."""
    files = set().union(*(imported_files(ROOT / f"stages/{stage}.py", set()) for stage in STAGES))
    takers = {file.name for file in files if re.search(r"\bparams: \w*Params\b", file.read_text(encoding="utf-8"))}
    assert takers == {"datasets.py", "params.py"}


def test_every_parameter_is_read_by_a_stage():
    declared = set().union(*(stage.get("params", []) for stage in PIPELINE["stages"].values()))
    assert declared == set(Params.model_fields)


def test_nothing_below_the_stages_reads_parameters_on_its_own():
    # or the test above would not see it
    for path in (ROOT / "stages/core").glob("*.py"):
        if path.name != "params.py":
            assert "read_params" not in path.read_text(encoding="utf-8")


def test_all_but_the_first_of_the_packages_own_files_are_empty_and_so_need_no_dependency():
    files = [path for path in (ROOT / "stages").rglob("__init__.py") if path.read_text(encoding="utf-8")]
    assert files == [ROOT / "stages/__init__.py"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_exactly_the_files_that_it_declares(stage: str):
    named = {text for text in texts(stage) if re.fullmatch(r"(data|models|metrics|plots)/[\w./-]+", text)}
    declared = outputs(PIPELINE["stages"][stage]) | {
        dep for dep in PIPELINE["stages"][stage]["deps"] if not dep.startswith("stages/")
    }
    # the folder of images is the user's, as data/raw is, models/.epochs nobody's; the schema is a dependency of prepare
    # for the order alone, params.yaml of check
    special = {"${image_dir}/", "data/raw", "data/params.schema.json", "models/.epochs", "params.yaml"}
    assert named - special == declared - special


@pytest.mark.parametrize("stage", STAGES)
def test_an_uncached_output_is_a_metric_or_a_plot(stage: str):
    """DVC leaves a stage with a plain uncached out out of its run cache."""
    for entry in PIPELINE["stages"][stage].get("outs", []):
        assert isinstance(entry, str) or next(iter(entry.values())).get("cache", True)


def columns(table: str) -> list[str]:
    with (ROOT / table).open(encoding="utf-8") as file:
        return next(csv.reader(file))


def plotted() -> list[tuple[str, str]]:
    pairs = []
    for stage in PIPELINE["stages"].values():
        for entry in stage.get("plots", []):
            if isinstance(entry, dict):
                for table, options in entry.items():
                    pairs += [(table, options[axis]) for axis in ("x", "y") if axis in options]
    for entry in PIPELINE["plots"]:
        for options in entry.values():
            for table, wanted in options["y"].items():
                pairs += [(table, options["x"]), *((table, column) for column in wanted)]
    return pairs


@pytest.mark.parametrize(("table", "column"), plotted())
def test_every_plotted_column_is_in_its_table(table: str, column: str):
    assert column in columns(table)


def test_the_declared_model_is_an_output():
    artifact = PIPELINE["artifacts"]["fashion-mnist-classifier"]
    assert artifact["path"] in outputs(PIPELINE["stages"]["train"])


def test_the_parameters_are_checked_before_any_other_stage():
    """DVC deletes a stage's outputs before running it, so a typo must fail in a stage that comes first."""
    check = PIPELINE["stages"]["check"]
    assert "params.yaml" in check["deps"]
    assert outputs(check) <= set(PIPELINE["stages"]["prepare"]["deps"])
    assert check["outs"] == [{"data/params.schema.json": {"persist": True}}]


def read_json(path: str) -> dict:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def test_training_and_evaluation_measured_the_same_validation_loss_to_the_bit():
    """In the committed results: 12,000 validation images are three batches, so their size matters."""
    trained, evaluated = read_json("metrics/train.json"), read_json("metrics/evaluation.json")
    assert evaluated["validation"] == {"loss": trained["val_loss"], "accuracy": trained["val_accuracy"]}
