"""The study of sizes: its trainings, its page, and tables of another design."""

import csv
import itertools
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from seeds import engine
from stages import prepare
from stages.base.errors import ProjectError, UserError
from study.sizes import effects, trainings
from study.sizes.grid import TABLES, Cell, read_grid
from tests.study.small import run_study, small_sizes
from tests.support.workspace import ROOT, run_stages, work_in_a_copy

PAGES = ("README.md", "README.ko.md")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_study(tmp_path_factory.mktemp("sizes"), small_sizes, trainings, effects)


@pytest.fixture
def sizes(made: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of the outputs, made the current folder."""
    return work_in_a_copy(made, tmp_path, monkeypatch)


def rows(folder: Path, kind: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"study/sizes/{kind}.csv")


@pytest.mark.process
def test_every_network_rate_size_and_seed_has_a_row_with_early_stopping_and_one_without(sizes):
    dense, cnn = (rows(sizes, kind) for kind in TABLES)
    keys = ["network", "images", "dropout", "seed", "early_stopping"]
    assert len(dense) == len(dense[keys].drop_duplicates()) == 2 * 2 * 3 * 2 * 2
    assert len(cnn) == 2 * 2 * 2 * 2
    assert not list(Path("models").glob(".epochs/*/[0-9]*"))  # the epochs would fill the disk
    stopped, whole = (dense[dense["early_stopping"] == stops].reset_index() for stops in (True, False))
    assert (whole["epochs"] == 3).all()
    assert (stopped["epochs"] <= whole["epochs"]).all()
    assert (whole["kept_val_loss"] <= whole["last_val_loss"]).all()


@pytest.mark.process
def test_the_findings_have_the_same_bytes_again_and_no_dead_link(sizes, made):
    effects.main()
    for name in ("effects.csv", "dropout.png", *PAGES):
        assert (sizes / "study/sizes" / name).read_bytes() == (made / "study/sizes" / name).read_bytes()
    for name in PAGES:
        links = re.findall(r"\]\(([^)]+)\)", (sizes / "study/sizes" / name).read_text(encoding="utf-8"))
        assert all((sizes / "study/sizes" / target).is_file() for target in links)


@pytest.mark.process
@pytest.mark.parametrize("change", [{"seeds": 3}, {"epochs": 4}])
def test_tables_of_another_design_are_refused(sizes, change: dict):
    small_sizes(sizes, **change)
    with pytest.raises(UserError, match=r"dense\.csv.*sizes\.yaml"):
        effects.main()


def test_more_images_than_there_are_is_one_line(workspace):
    run_stages(workspace, prepare, limit=60)
    small_sizes(workspace)
    with pytest.raises((UserError, ProjectError), match="images"):
        engine.key_of(trainings.training(read_grid(), 1, Cell("dense-100", 480, 0.5)))


@pytest.mark.process
@pytest.mark.acceptance
@pytest.mark.parametrize("kind", list(TABLES))
def test_committed_rows_come_out_again(real_data, workspace: Path, kind: str):
    """The smallest training sets with one seed: all of them take hours."""
    run_stages(workspace, prepare, dataset="fashion_mnist", limit=None)
    shutil.copytree(ROOT / "study", workspace / "study")
    grid, seed = read_grid(), 3
    cells = [cell for each, cell in grid.runs(kind) if each == seed and cell.images == 1000]
    results = engine.run([trainings.training(grid, seed, cell) for cell in cells], store=False)
    made = [
        [str(value) for value in row]
        for cell, result in zip(cells, results, strict=True)
        for row in trainings.rows(cell, seed, grid.networks[cell.network], result.history)
    ]
    with (ROOT / f"study/sizes/{kind}.csv").open(encoding="utf-8", newline="") as file:
        assert made == [row for row in csv.reader(file) if (row[1], row[3]) == ("1000", str(seed))] != []


def flips(differences: np.ndarray) -> float:
    """Return the sign-flip p, by counting."""
    signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    return float(np.mean(np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-12)))


def holm(p: list[float]) -> list[float]:
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1))
    return np.minimum(1, steps)[np.argsort(order, kind="stable")].tolist()


def recomputed(folder: Path) -> dict[tuple, tuple[str, bool, bool]]:
    """Return each comparison from the rows: its text on the page, whether it is significant, whether dropout pays."""
    design = yaml.safe_load((folder / "study/sizes.yaml").read_text(encoding="utf-8"))
    found = {}
    for claim in design["claims"]:
        for kind in TABLES:
            table = rows(folder, kind)
            table = table[table["early_stopping"] == claim["early_stopping"]]
            cells = table.groupby(["network", "images", "dropout"], sort=False)
            values = {cell: of_cell[claim["value"]].to_numpy() for cell, of_cell in cells}
            differences = {cell: seeds - values[(*cell[:2], 0)] for cell, seeds in values.items() if cell[2]}
            for (cell, each), p in zip(differences.items(), holm([*map(flips, differences.values())]), strict=True):
                half = stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / len(each) ** 0.5
                bold = "**" if p <= 0.05 else ""
                pays = p <= 0.05 and (each.mean() < 0) == ("loss" in claim["value"])
                text = f"{bold}{each.mean():+.4f}{bold} ± {half:.4f}, p {p:.3f}"
                found[claim["claim"]["en"], *cell] = text, p <= 0.05, pays
    return found


@pytest.mark.parametrize("folder", [ROOT, pytest.param("sizes", marks=pytest.mark.process)], ids=["committed", "small"])
def test_the_page_follows_the_rows_in_both_languages(folder, request):
    folder = folder if folder == ROOT else request.getfixturevalue(folder)
    design = yaml.safe_load((folder / "study/sizes.yaml").read_text(encoding="utf-8"))
    page, korean = ((folder / "study/sizes" / name).read_text(encoding="utf-8") for name in PAGES)
    numbers = [
        [re.findall(r"[\d.,±+*-]+", line) for line in text.splitlines() if line[:1] == "|"] for text in (page, korean)
    ]
    assert numbers[0] == numbers[1]
    found = recomputed(folder)
    for claim in (each["claim"]["en"] for each in design["claims"]):
        (section,) = (part for part in page.split("\n### ") if part.startswith(f"{claim}?\n"))
        of_claim = {key[1:]: each for key, each in found.items() if key[0] == claim}
        pays, significant = (sum(each[n] for each in of_claim.values()) for n in (2, 1))
        assert f"{pays} of {len(of_claim)} comparisons; the opposite in {significant - pays}." in section
        header, _, *lines = re.findall(r"(?m)^\|(.+)\|$", section.split("\n## ")[0])
        columns = [int(re.sub(r"\D", "", text)) for text in header.split("|")[1:]]
        cells = [(name, rate) for name, network in design["networks"].items() for rate in network["rates"]]
        for line, (name, rate) in zip(lines, cells, strict=True):
            label, *texts = (text.strip() for text in line.split("|"))
            assert label == f"{design['networks'][name]['title']['en']}, dropout {rate:g}"
            assert texts == [of_claim.get((name, images, rate), ("",))[0] for images in columns]


def test_a_planted_effect_is_significant_and_noise_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_sizes(tmp_path, seeds=10)
    grid, noise = read_grid(), np.random.default_rng(0)
    values = {
        (cell, stops): {claim.value: (sample := noise.normal(0, 0.01, 10)) - sample.mean() for claim in grid.claims}
        for seed, cell in grid.runs("dense")
        for stops in (False, True)
        if seed == 1
    }
    values[Cell("dense-1000", 10, 0.5), False]["kept_val_loss"] -= 1
    values[Cell("dense-100", 480, 0.3), False]["kept_val_loss"] += 1
    values[Cell("dense-100", 10, 0.5), True]["kept_val_accuracy"] += 1
    significant = {
        (each.claim.value, each.claim.early_stopping, each.cell): each.pays
        for each in effects.effects_of(grid, values)
        if each.comparison.is_significant
    }
    assert significant == {
        ("kept_val_loss", False, Cell("dense-1000", 10, 0.5)): True,
        ("kept_val_loss", False, Cell("dense-100", 480, 0.3)): False,
        ("kept_val_accuracy", True, Cell("dense-100", 10, 0.5)): True,
    }
