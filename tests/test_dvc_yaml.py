"""dvc.yaml against the code: what a stage imports, reads and writes must be what it declares."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc.fs import localfs
from dvc.ignore import DvcIgnoreFilter
from dvc.utils.hydra import apply_overrides

from stages.base.inputs import MAKER
from stages.base.params import Params
from tests.support.sources import imported_files, texts_in, undeclared, unneeded
from tests.support.workspace import ROOT, write_params

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = list(PIPELINE["stages"])
OUTPUTS = ("outs", "metrics", "plots")


def names(entries: list) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_packages_that_it_imports_and_no_other(stage: str):
    declared, script = PIPELINE["stages"][stage]["deps"], ROOT / f"stages/{stage}.py"
    assert undeclared(script, declared) == set()
    assert unneeded(script, declared) == set()


def test_no_package_has_code_of_its_own():
    """So `__init__.py` files need no dependency, but for that of stages/."""
    assert [path.parent.name for path in (ROOT / "stages").rglob("__init__.py") if path.read_text()] == ["stages"]


@pytest.mark.process
def test_dvc_hashes_the_sources_in_git_and_no_other_file():
    """Or an editor's file would make a stage stale. A new source has to be given to Git (git add)."""
    ignore = DvcIgnoreFilter(localfs, str(ROOT))
    for package in (path for path in (ROOT / "stages").iterdir() if (path / "__init__.py").exists()):
        hashed = {str(Path(path).relative_to(ROOT)) for path in ignore.find(localfs, str(package))}
        tracked = subprocess.check_output(["git", "ls-files", package], cwd=ROOT, text=True).splitlines()
        assert hashed == set(tracked)


def test_setting_parameters_and_setting_them_back_leaves_params_yaml_as_it_was(tmp_path: Path):
    write_params(tmp_path)
    copy = tmp_path / "params.yaml"
    before = copy.read_bytes()
    apply_overrides(copy, ["optimizer=rmsprop", "patience=null", "learning_rate=1e-5", "limit=9"])
    apply_overrides(copy, ["optimizer=adam", "patience=2", "learning_rate=0.001", "limit=null"])
    assert copy.read_bytes() == before


def declared_params(stage: str) -> set[str]:
    """Return the parameters that a stage declares: by name, or params.yaml without names for all."""
    entries = PIPELINE["stages"][stage].get("params", [])
    return set(Params.model_fields) if {"params.yaml": None} in entries else set(entries)


def attributes(tree: ast.AST, of: str) -> set[str]:
    """Return the attributes that are read of a variable of this name, or of an attribute, as in inputs.params.seed."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in nodes if of in (getattr(node.value, "id", None), getattr(node.value, "attr", None))}


def read_by_methods() -> dict[str, set[str]]:
    """Return the parameters that each method of `Params` reads."""
    tree = ast.parse((ROOT / "stages/base/params.py").read_text(encoding="utf-8"))
    methods = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    read = {method.name: attributes(method, "self") & set(Params.model_fields) for method in methods}
    return read | {"used": set(Params.model_fields)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_exactly_the_parameters_that_it_reads(stage: str):
    files = [file for file in imported_files(ROOT / f"stages/{stage}.py") if file.parent.name != "base"]
    names = set().union(*(attributes(ast.parse(file.read_text(encoding="utf-8")), "params") for file in files))
    methods = read_by_methods()
    read = (names & set(Params.model_fields)).union(*(methods[name] for name in names & methods.keys()))
    if stage in ("evaluate", "plot"):  # which compare all of them with what the others recorded
        assert read <= declared_params(stage) == set(Params.model_fields)
    else:
        assert read == declared_params(stage)


PREPARED_FILE = r"data/prepared/(classes\.json|\w+\.npy)"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_exactly_the_files_that_it_declares(stage: str):
    entries, script = PIPELINE["stages"][stage], ROOT / f"stages/{stage}.py"
    texts = texts_in(imported_files(script))
    named = {text for text in texts if re.fullmatch(r"(data|models|metrics|plots)/[\w./-]+", text)}
    declared = {dep for dep in entries["deps"] if not dep.startswith("stages/")}
    declared |= names([entry for kind in OUTPUTS for entry in entries.get(kind, [])])
    prepared = {path for path in declared if re.fullmatch(PREPARED_FILE, path)}
    # the user's folders; what no stage tracks; and the parameters that `prepare` and `train` used
    special = {
        "${image_dir}/", "data/examples", "data/prepared", "data/sample", "data/raw", "models/.epochs",
        *map(str, MAKER),
    }  # fmt: skip
    assert named - special == declared - prepared - special
    if stage != "prepare":
        parts = re.findall(r'load_images\(PREPARED, "(\w+)"\)', script.read_text(encoding="utf-8"))
        images = {f"data/prepared/{part}_{name}.npy" for part in parts for name in ("images", "labels")}
        assert prepared == images | {"data/prepared/classes.json"}


@pytest.mark.parametrize("pipeline", [*ROOT.glob("dvc.yaml"), *ROOT.glob("study/dvc.yaml")])
def test_dvc_deletes_no_output_before_a_stage(pipeline: Path):
    stages = yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"].values()
    for entry in (entry for stage in stages for kind in OUTPUTS for entry in stage.get(kind, [])):
        assert next(iter(entry.values()))["persist"]
