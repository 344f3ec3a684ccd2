"""The front door, in both languages: what it says of the project is so, and both say the same."""

import json
import re

import pytest

from tests.conftest import ROOT

READMES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")}
ENGLISH, KOREAN = READMES.values()


def blocks(text: str) -> list[str]:
    """The lines that are code, without comments and without what the tree says of a file."""
    lines = re.findall(r"(?m)^    (?! *\.\.\.)(.+)$", text)
    return [re.split(r" {2,}(?!-)| # ", line.lstrip())[0] for line in lines]


def tables(text: str) -> list[list[str]]:
    """The numbers in each row of a table."""
    rows = re.findall(r"(?m)^\|.*\d.*\|$", text)
    return [re.findall(r"-?\d+(?:[.,]\d+)*", row) for row in rows]


def targets(text: str) -> list[str]:
    """What links and pictures lead to, in any order, but for the link to the other language."""
    return sorted(target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("README"))


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
    tree = re.findall(r"(?m)^ {4,}([\w/-]+\.\w+) {2,}\S", READMES[name])
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
    rows = tables(READMES[name])
    for row, metric in zip(rows, ("accuracy", "loss"), strict=False):
        assert row == [f"{evaluation[part][metric]:.4f}" for part in ("validation", "test")]
    sentence = {
        "README.md": "Epoch {best_epoch} of {epochs} is kept",
        "README.ko.md": "{epochs} 에포크 가운데 {best_epoch}번째를 남겼습니다",
    }
    assert sentence[name].format(**train) in READMES[name]
