"""The front door, in both languages: what it says of the project is so, and both say the same."""

import json
import re

import pytest

from stages.core.artifacts import load_csv
from stages.core.statistics import Spread, seeds_to_show
from tests.conftest import ROOT

READMES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")}
ENGLISH, KOREAN = READMES.values()
TRAININGS = ROOT / "study/trainings.csv"
SEEDS = {"training": str, "val_accuracy": float, "test_accuracy": float}


def blocks(text: str) -> list[str]:
    """The lines that are code, without comments and without what the tree says of a file."""
    lines = re.findall(r"(?m)^    (?! *\.\.\.)(.+)$", text)
    return [re.split(r" {2,}(?!-)| # ", line.lstrip())[0] for line in lines]


def tables(text: str) -> list[list[str]]:
    """The numbers in each row of a table."""
    rows = re.findall(r"(?m)^\|.*\d.*\|$", text)
    return [re.findall(r"-?\d+(?:[.,]\d+)*", row) for row in rows]


def targets(text: str) -> list[str]:
    """What links and pictures lead to, in any order and language, but for the link to the other one."""
    found = (target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("README"))
    return sorted(target.replace(".ko.md", ".md") for target in found)


@pytest.mark.parametrize("found", [blocks, tables, targets])
def test_both_languages_have_the_same_commands_numbers_and_links(found):
    assert found(ENGLISH) == found(KOREAN)
    assert len(found(ENGLISH)) > 5


@pytest.mark.parametrize("name", READMES)
def test_every_link_to_a_file_leads_to_one(name: str):
    for target in re.findall(r"\]\(([^)]+)\)", READMES[name]):
        assert target.startswith("https://") or (ROOT / target).is_file(), target


@pytest.mark.parametrize("name", READMES)
def test_the_tree_names_every_module_and_every_page(name: str):
    tree = re.findall(r"(?m)^ {4,}([\w/.-]+\.\w+) {2,}\S", READMES[name])
    modules = {
        path.relative_to(ROOT / "stages").as_posix().removeprefix("core/") for path in (ROOT / "stages").rglob("*.py")
    }
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    files = {name for name in modules if not name.endswith("__init__.py")} | pages
    assert set(tree) == files | {"params.yaml", "dvc.yaml", "dvc.lock"}


@pytest.mark.parametrize("name", READMES)
def test_the_results_are_the_committed_ones(name: str):
    evaluation, train = (
        json.loads((ROOT / f"metrics/{part}.json").read_text(encoding="utf-8")) for part in ("evaluation", "train")
    )
    rows = [row for row in tables(READMES[name]) if len(row) == 2]
    for row, metric in zip(rows, ("accuracy", "loss"), strict=True):
        assert row == [f"{evaluation[part][metric]:.4f}" for part in ("validation", "test")]
    sentence = {
        "README.md": "Epoch {best_epoch} of {epochs} is kept",
        "README.ko.md": "{epochs} 에포크 가운데 {best_epoch}번째를 남겼습니다",
    }
    assert sentence[name].format(**train) in READMES[name]


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_the_study_is_that_of_its_page(name: str):
    page = (ROOT / "study/README.md").read_text(encoding="utf-8")
    rows = [row[-11:] for row in tables(page) if len(row) > 10]  # without the numbers in the titles
    assert len(rows) == 8
    assert [row[-11:] for row in tables(READMES[name]) if len(row) > 10] == rows


@pytest.mark.parametrize("name", READMES)
def test_what_is_said_of_the_claims_is_in_the_committed_table(name: str):
    """Each number as it stands in study/claims.csv."""
    numbers = {"count": int, **dict.fromkeys(Spread._fields[1:], float)}
    claims = {
        (row["of"], row["value"]): Spread(*(row[number] for number in numbers))
        for row in load_csv(ROOT / "study/claims.csv", {"of": str, "value": str, **numbers})
    }
    results = load_csv(ROOT / "study/results.csv", {"training": str, "value": str, "mean": float})
    start = READMES[name].index("(study/curves.png)")
    said = READMES[name][start : READMES[name].index("[study/README.md]")]
    for claim in (
        ("dropout-11", "gap"), ("dropout-20", "val_loss"), ("dropout-20", "val_accuracy"),
        ("adam-stopped", "val_loss"), ("adam-stopped", "val_accuracy"), ("stopped", "val_accuracy"),
    ):  # fmt: skip
        assert claims[claim].mean < 0, claim  # all of them are said to be lower
        assert all(f"{abs(getattr(claims[claim], part)):.4f}" in said for part in ("mean", "low", "high")), claim
    difference = claims["dropout-11", "val_loss"]
    assert f"{difference.mean:.4f}" in said
    assert re.search(rf"(?<!\d){seeds_to_show(difference, len(claims))}(?!\d)", said)
    for stopped in ("stopped", "adam-stopped"):
        (mean,) = (row["mean"] for row in results if (row["training"], row["value"]) == (stopped, "epochs"))
        assert f"{mean:.1f}" in said

    seeds = [row for row in load_csv(TRAININGS, SEEDS) if row["training"] == "stopped"]
    for accuracy in ("val_accuracy", "test_accuracy"):
        values = [row[accuracy] for row in seeds]
        assert re.search(rf"{min(values):.4f}\D+?{max(values):.4f}", said), accuracy
