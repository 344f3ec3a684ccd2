"""docs/notes.md and its Korean twin: places that are there, commands that run, figures that were measured."""

import ast
import json
import re

import pytest
import yaml

from stages.base.files import load_csv
from stages.base.params import Params
from tests.support.documents import tables
from tests.support.workspace import ROOT

PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("notes.md", "notes.ko.md")}
ENGLISH, KOREAN = PAGES.values()


def code(text: str) -> list[str]:
    """What stands between backticks, in any order: the languages order their sentences differently."""
    return sorted(re.findall(r"`([^`]+)`", text))


def links(text: str) -> list[str]:
    found = (target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("notes"))
    return [target.replace(".ko.md", ".md").partition("#")[0] for target in found]


def decimals(text: str) -> set[str]:
    return set(re.findall(r"\d\.\d{4}", text))


@pytest.mark.parametrize("found", [code, tables, links, decimals])
def test_both_languages_have_the_same_places_commands_figures_and_links(found):
    assert found(ENGLISH) == found(KOREAN)
    assert found(ENGLISH)


@pytest.mark.parametrize("name", PAGES)
def test_the_languages_have_the_same_sections_each_with_a_place_a_command_and_a_measurement(name: str):
    _, *sections, misprints = re.split(r"(?m)^## ", PAGES[name])
    assert len(sections) == 8
    words = ("Where", "See it", "Measured") if name == "notes.md" else ("위치", "직접 해 보기", "측정")
    for section in sections:
        assert all(f"- **{word}**" in section for word in words), section
    assert "|---|---|" in misprints


def defined(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_place_is_there():
    committed = {"params.yaml", "metrics/data.json", "metrics/train.json", "plots/history.csv", "plots/curves.png"}
    files = {text for text in code(ENGLISH) if re.fullmatch(r"(stages|tests)/[\w/]+\.py", text)} | committed
    assert len(files) > 10
    assert all((ROOT / file).is_file() for file in files)
    functions = re.findall(r"`(\w+)`(?: and `(\w+)`)? in `(stages/[\w/]+\.py)`", ENGLISH)
    assert len(functions) > 5
    for *names, file in functions:
        assert {name for name in names if name} <= defined(file), file
    params = re.findall(r"((?:`\w+`(?:,? and |, )?)+) in `params\.yaml`", ENGLISH)
    assert {name for text in params for name in re.findall(r"\w+", text.replace("and", ""))} <= set(Params.model_fields)


def test_every_experiment_would_be_allowed():
    committed = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    commands = [text for text in code(ENGLISH) if text.startswith("dvc exp run")]
    assert len(commands) > 5
    for command in commands:
        settings = re.findall(r"-S (\w+)=(\S+)", command)
        assert settings
        Params(**committed | {name: yaml.safe_load(value) for name, value in settings})


def test_the_figures_are_those_of_the_study_and_of_the_committed_run():
    page = (ROOT / "study/notes/README.md").read_text(encoding="utf-8")
    assert decimals(ENGLISH) <= decimals(page)
    (stopped,) = (
        row["mean"]
        for row in load_csv(ROOT / "study/notes/results.csv", {"training": str, "value": str, "mean": float})
        if (row["training"], row["value"]) == ("stopped", "epochs")
    )
    assert f"{stopped:.1f} of 20 epochs" in ENGLISH
    train, evaluation, data = (
        json.loads((ROOT / f"metrics/{name}.json").read_text(encoding="utf-8"))
        for name in ("train", "evaluation", "data")
    )
    assert f"epoch {train['best_epoch']} of {train['epochs']} is kept" in ENGLISH
    right = round(evaluation["validation"]["accuracy"] * data["val"])
    assert f"{right:,} of {data['val']:,}" in ENGLISH
    assert all(f"{data[part]:,} for" in ENGLISH for part in ("train", "val", "test"))
