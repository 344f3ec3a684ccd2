"""The front door, in both languages: what it says of the project is so, and both say the same."""

import json
import re

import pytest

from stages.base.files import load_csv
from stages.commands.install import PINS
from stages.experiments.significance import Spread, seeds_to_show
from tests.support.documents import tables
from tests.support.workspace import ROOT
from tests.test_architecture import ORDER

READMES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")}
ENGLISH, KOREAN = READMES.values()
TRAININGS = ROOT / "study/notes/trainings.csv"
SEEDS = {"training": str, "val_accuracy": float, "test_accuracy": float}


def blocks(text: str) -> list[str]:
    """The lines that are code, without comments and without what the map says of a folder."""
    lines = re.findall(r"(?m)^    (?! *\.\.\.)(.+)$", text)
    return [re.split(r" {2,}(?!-)| # ", line.lstrip())[0] for line in lines]


def decimals(text: str) -> list[str]:
    return sorted(re.findall(r"\d+\.\d+", text))


def targets(text: str) -> list[str]:
    """What links and pictures lead to, in any order and language, but for the link to the other one."""
    found = (target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("README"))
    return sorted(target.replace(".ko.md", ".md") for target in found)


@pytest.mark.parametrize("found", [blocks, tables, decimals, targets])
def test_both_languages_have_the_same_commands_numbers_and_links(found):
    assert found(ENGLISH) == found(KOREAN)
    assert found(ENGLISH)


@pytest.mark.parametrize("name", READMES)
def test_it_is_short_and_the_first_command_stands_on_the_first_screen(name: str):
    lines = READMES[name].splitlines()
    assert len(lines) <= 140
    assert next(number for number, line in enumerate(lines, start=1) if line.startswith("    make ")) <= 25


@pytest.mark.parametrize("name", READMES)
def test_the_map_has_a_line_for_each_package_in_the_order_of_the_imports(name: str):
    assert tuple(re.findall(r"(?m)^    stages/(\w+)/ {2,}\S", READMES[name])) == ORDER


@pytest.mark.parametrize("name", READMES)
def test_every_page_of_docs_has_a_link(name: str):
    linked = {target.removeprefix("docs/").replace(".ko.md", ".md") for target in targets(READMES[name])}
    assert {path.name for path in (ROOT / "docs").glob("*.md") if not path.name.endswith(".ko.md")} <= linked


@pytest.mark.parametrize("name", READMES)
def test_the_packages_weigh_what_make_says_when_it_installs_them(name: str):
    assert PINS["run"][1].split(",")[0] in READMES[name]


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
def test_what_is_said_of_the_claims_is_in_the_committed_table(name: str):
    """Each number as it stands in study/claims.csv."""
    numbers = {"count": int, **dict.fromkeys(Spread._fields[1:], float)}
    claims = {
        (row["of"], row["value"]): Spread(*(row[number] for number in numbers))
        for row in load_csv(ROOT / "study/notes/claims.csv", {"of": str, "value": str, **numbers})
    }
    results = load_csv(ROOT / "study/notes/results.csv", {"training": str, "value": str, "mean": float})
    start = READMES[name].index("(study/notes/findings.png)")
    said = READMES[name][start : READMES[name].index("[study/notes/README")]
    for claim in (
        ("dropout-11", "gap"), ("dropout-11", "val_accuracy"), ("dropout-20", "val_loss"),
        ("dropout-20", "val_accuracy"), ("adam-stopped", "val_loss"), ("adam-stopped", "val_accuracy"),
    ):  # fmt: skip
        assert claims[claim].mean < 0, claim  # all of them are said to be lower
        assert all(f"{abs(getattr(claims[claim], part)):.4f}" in said for part in ("mean", "low", "high")), claim
    for claim in (("dropout-11", "val_loss"), ("stopped", "val_accuracy")):  # no difference is shown
        assert f"{abs(claims[claim].mean):.4f}" in said
        assert re.search(rf"(?<!\d){seeds_to_show(claims[claim], len(claims))}(?!\d)", said)
    for stopped in ("stopped", "adam-stopped"):
        (mean,) = (row["mean"] for row in results if (row["training"], row["value"]) == (stopped, "epochs"))
        assert f"{mean:.1f}" in said

    seeds = [row for row in load_csv(TRAININGS, SEEDS) if row["training"] == "stopped"]
    for accuracy in ("val_accuracy", "test_accuracy"):
        values = [row[accuracy] for row in seeds]
        assert re.search(rf"{min(values):.4f}\D+?{max(values):.4f}", said), accuracy


@pytest.mark.parametrize("name", READMES)
def test_what_is_said_of_the_second_part_is_in_its_table(name: str):
    columns = {"value": str, "early_stopping": str, "network": str, "images": int, "dropout": float, "mean": float,
               "low": float, "high": float, "adjusted_p": float}  # fmt: skip
    rows = load_csv(ROOT / "study/sizes/effects.csv", columns)
    start = READMES[name].index("(study/sizes/dropout.png)")
    said = READMES[name][start : READMES[name].index("[study/sizes/README")]

    def of(*columns: object) -> list[dict]:
        return [row for row in rows if tuple(row.values())[: len(columns)] == columns]

    for cell, sign in (
        (("dense-100", 4000, 0.5), -1), (("dense-100", 48000, 0.5), 1),
        (("dense-1000", 4000, 0.5), -1), (("cnn", 16000, 0.4), -1),
    ):  # fmt: skip
        (row,) = of("kept_val_loss", "false", *cell)
        assert row["adjusted_p"] <= 0.05
        assert row["mean"] * sign > 0
        assert all(f"{abs(row[part]):.4f}" in said for part in ("mean", "low", "high")), cell
    (row,) = of("kept_val_loss", "false", "dense-1000", 48000, 0.5)
    assert row["adjusted_p"] > 0.05
    for value, stopping, lower, higher in (
        ("last_val_loss", "false", 19, 0), ("last_val_accuracy", "false", 1, 1), ("kept_val_loss", "true", 1, 0),
    ):  # fmt: skip
        shown = [row["mean"] for row in of(value, stopping) if row["adjusted_p"] <= 0.05]
        assert len(of(value, stopping)) == 19
        assert [sum(mean < 0 for mean in shown), sum(mean > 0 for mean in shown)] == [lower, higher]
