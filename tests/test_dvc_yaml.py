"""dvc.yaml against the code: what a stage imports, reads and draws must be what it declares."""

import ast
import csv
import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from dvc.fs import localfs
from dvc.ignore import DvcIgnoreFilter
from dvc.repo import Repo

from stages.base.params import METRICS, Params
from tests.support.sources import imported_files, texts_in, undeclared, unneeded
from tests.support.workspace import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = list(PIPELINE["stages"])


def names(entries: list) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def outputs(stage: dict) -> set[str]:
    return names(stage.get("outs", []) + stage.get("metrics", []) + stage.get("plots", []))


def texts(stage: str) -> set[str]:
    """Every text that stands in the modules of a stage."""
    return texts_in(imported_files(ROOT / f"stages/{stage}.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_lies_in_what_it_declares_and_it_declares_nothing_else(stage: str):
    declared, script = PIPELINE["stages"][stage]["deps"], ROOT / f"stages/{stage}.py"
    assert undeclared(script, declared) == set()
    assert unneeded(script, declared) == set()


def test_each_stage_depends_on_a_package_more():
    packages = [
        {dep for dep in stage["deps"] if dep.startswith("stages/") and dep.endswith("/")}
        for stage in PIPELINE["stages"].values()
    ]
    assert all(before <= after for before, after in pairwise(packages))
    assert packages[-1] == {f"stages/{name}/" for name in ("base", "data", "training", "evaluation", "report")}


@pytest.mark.process
def test_a_declared_folder_holds_exactly_what_git_tracks():
    """Or a stray file, an editor's say, would make a stage stale. A new file has to be given to Git (git add)."""
    ignore = DvcIgnoreFilter(localfs, str(ROOT))
    for package in sorted(
        {dep for stage in PIPELINE["stages"].values() for dep in stage["deps"] if re.fullmatch(r"stages/\w+/", dep)}
    ):
        hashed = {str(Path(path).relative_to(ROOT)) for path in ignore.find(localfs, str(ROOT / package))}
        tracked = subprocess.check_output(["git", "ls-files", package], cwd=ROOT, text=True).splitlines()
        assert hashed == set(tracked)


def test_what_an_editor_leaves_beside_a_source_is_not_seen(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True)
    shutil.copy(ROOT / ".dvcignore", tmp_path)
    stray = ("base/.x.py.swp", "base/x.py~", "base/4913", "base/.hidden.py", "base/__pycache__/x.pyc", "base/x.orig",
             "report/templates/.page.css.swp", "report/templates/page.css~", "data/notes.md")  # fmt: skip
    kept = {"base/x.py", "report/templates/page.css", "report/templates/CARD.md", "report/templates/base.html"}
    for name in (*stray, *kept):
        (tmp_path / "stages" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "stages" / name).touch()
    (tmp_path / "stages/base/.#x.py").symlink_to("nobody@nowhere:1")
    found = DvcIgnoreFilter(localfs, str(tmp_path)).find(localfs, str(tmp_path / "stages"))
    assert {str(Path(path).relative_to(tmp_path / "stages")) for path in found} == kept


def declared_params(stage: str) -> set[str]:
    """The parameters that a stage declares: by name, or params.yaml without names for all."""
    entries = PIPELINE["stages"][stage].get("params", [])
    return set(Params.model_fields) if {"params.yaml": None} in entries else set(entries)


def attributes(tree: ast.AST, of: str) -> set[str]:
    """What is read of a variable of this name."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return {node.attr for node in nodes if node.value.id == of}


def read_by_methods() -> dict[str, set[str]]:
    """The parameters that each method of `Params` reads."""
    tree = ast.parse((ROOT / "stages/base/params.py").read_text(encoding="utf-8"))
    methods = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    found = {method.name: attributes(method, "self") & set(Params.model_fields) for method in methods}
    return found | {"used": set(Params.model_fields)}


READERS = ("data/datasets.py", "training/model.py", "training/networks.py")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_exactly_the_parameters_that_it_reads(stage: str):
    # the places below the stages that read them: each data set, each network has its own
    files = imported_files(ROOT / f"stages/{stage}.py") & {ROOT / "stages" / name for name in READERS}
    read = set()
    for file in (ROOT / f"stages/{stage}.py", *files):
        read |= attributes(ast.parse(file.read_text(encoding="utf-8")), "params")
    for method in read & read_by_methods().keys():
        read = read - {method} | read_by_methods()[method]
    if stage in ("evaluate", "plot"):  # which hold what the others recorded against all of them
        assert read <= declared_params(stage) == set(Params.model_fields)
    else:
        assert read == declared_params(stage)


def test_parameters_are_handed_on_whole_to_the_data_sets_and_networks_alone():
    """Or the test above would not see who reads what."""
    files = set().union(*(imported_files(ROOT / f"stages/{stage}.py") for stage in STAGES))
    takers = {file.name for file in files if re.search(r"\bparams: \w*Params\b", file.read_text(encoding="utf-8"))}
    assert takers == {"params.py", *(Path(name).name for name in READERS)}


def test_every_parameter_is_read_by_a_stage():
    read = set().union(*(declared_params(stage) for stage in ("check", "prepare", "train")))  # the others read all
    assert read == set(Params.model_fields)


def test_nothing_below_the_stages_reads_parameters_on_its_own():
    # or the test above would not see it
    for stage in STAGES:
        for path in imported_files(ROOT / f"stages/{stage}.py"):
            assert path.name == "params.py" or "read_params" not in path.read_text(encoding="utf-8")


def test_all_but_the_first_of_the_packages_own_files_are_empty_and_so_need_no_dependency():
    files = [path for path in (ROOT / "stages").rglob("__init__.py") if path.read_text(encoding="utf-8")]
    assert files == [ROOT / "stages/__init__.py"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_exactly_the_files_that_it_declares(stage: str):
    named = {text for text in texts(stage) if re.fullmatch(r"(data|models|metrics|plots)/[\w./-]+", text)}
    declared = outputs(PIPELINE["stages"][stage]) | {
        dep for dep in PIPELINE["stages"][stage]["deps"] if not dep.startswith("stages/")
    }
    # the folder of images is the user's, as data/raw is, models/.epochs and plots/live.csv nobody's; the schema is a
    # dependency of prepare for the order alone, params.yaml of check
    special = {"${image_dir}/", "data/examples", "data/raw", "data/params.schema.json", "models/.epochs",
               "plots/live.csv", "params.yaml"}  # fmt: skip
    assert named - special == declared - special


@pytest.mark.parametrize("stage", STAGES)
def test_an_uncached_output_is_a_metric_or_a_plot(stage: str):
    """DVC leaves a stage with a plain uncached out out of its run cache; check, which takes half a second, may be."""
    for entry in PIPELINE["stages"][stage].get("outs", []) if stage != "check" else []:
        assert isinstance(entry, str) or next(iter(entry.values())).get("cache", True)


def columns(table: str) -> list[str]:
    if table == "plots/live.csv":  # which is not there before the first training
        return ["epoch", *METRICS]
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
    assert check["outs"] == [
        {"data/params.schema.json": {"persist": True}},
        {"data/examples/.keep": {"persist": True, "cache": False}},
    ]
    assert "data/params.schema.json" in PIPELINE["stages"]["prepare"]["deps"]


def read_json(path: str) -> dict:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def test_training_and_evaluation_measured_the_same_validation_loss_to_the_bit():
    """In the committed results: 12,000 validation images are three batches, so their size matters."""
    trained, evaluated = read_json("metrics/train.json"), read_json("metrics/evaluation.json")
    assert evaluated["validation"] == {"loss": trained["val_loss"], "accuracy": trained["val_accuracy"]}
