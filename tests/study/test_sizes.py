"""The study of sizes: its trainings, its page, and tables of another design."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from seeds import engine
from seeds.statistics import compare
from seeds.training import Result, Training
from stages import prepare
from stages.base.errors import ProjectError, UserError
from stages.base.params import METRICS
from study.sizes import effects, trainings
from study.sizes.grid import GRID, TABLES, Cell, read_grid
from study.stopping import stop_early
from tests.support.workspace import ROOT, run_stages


def invented(training: Training) -> dict[str, list[float]]:
    """Return a history that no other training has."""
    params, images = training
    noise = np.random.default_rng([params.seed, images, params.hidden_units, int(100 * params.dropout)])
    return {name: noise.random(params.epochs).tolist() for name in METRICS}


def invented_results(asked: list[Training], store: bool) -> list[Result]:
    assert not store  # the epochs would fill the disk
    return [Result({}, invented(training)) for training in asked]


@pytest.fixture
def sizes(tmp_path: Path, monkeypatch) -> Path:
    """A folder, made the current one, with a design of two seeds and eight epochs and tables of invented trainings."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "study", "study")
    design = yaml.safe_load(GRID.read_text(encoding="utf-8"))
    for network in design["networks"].values():
        network.update(seeds=2, images=[network["images"][0], network["images"][-1]], epochs=8)
    GRID.write_text(yaml.safe_dump(design), encoding="utf-8")
    monkeypatch.setattr(engine, "run", invented_results)
    trainings.main()
    return tmp_path


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {kind: pd.read_csv(folder / f"study/sizes/{kind}.csv") for kind in TABLES}


def test_every_training_has_a_row_with_early_stopping_and_one_without(sizes):
    grid, made = read_grid(), tables(sizes)
    counts = [len(table.groupby(["network", "images", "dropout", "seed", "early_stopping"])) for table in made.values()]
    assert counts == [2 * 2 * 3 * 2 * 2, 2 * 2 * 2 * 2]
    for row in pd.concat(made.values()).itertuples():
        params, images = training = trainings.training(grid, row.seed, Cell(row.network, row.images, row.dropout))
        assert (params.seed, images, params.dropout) == (row.seed, row.images, row.dropout)
        assert (params.network, params.epochs, params.patience) == (row.network.split("-")[0], 8, None)
        stopped = stop_early(invented(training), "val_loss", 2 if row.early_stopping else None)
        assert stopped == {name: getattr(row, name) for name in stopped}


@pytest.mark.parametrize(("old", "new"), [("seeds: 2", "seeds: 3"), ("epochs: 8", "epochs: 4")])
def test_tables_of_another_design_are_refused(sizes, old: str, new: str):
    effects.load_values(read_grid())
    GRID.write_text(GRID.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=r"dense\.csv.*sizes\.yaml"):
        effects.load_values(read_grid())


def test_more_images_than_there_are_is_one_line(workspace):
    run_stages(workspace, prepare, limit=60)
    shutil.copytree(ROOT / "study", "study")
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


def test_a_claim_is_compared_with_and_without_dropout_in_one_family_per_kind_of_network():
    committed = pd.read_csv(ROOT / "study/sizes/effects.csv")
    families = committed.groupby(["value", "early_stopping", committed["network"] == "cnn"])
    assert families.ngroups == 2 * 7
    for (value, stops, is_cnn), family in families:
        table = tables(ROOT)["cnn" if is_cnn else "dense"]
        of_cells = table[table["early_stopping"] == stops].groupby(["network", "images", "dropout"])
        cells = {cell: rows[value].to_numpy() for cell, rows in of_cells}
        pairs = family[["network", "images", "dropout"]].itertuples(index=False, name=None)
        found = compare({cell: cells[cell] - cells[*cell[:2], 0] for cell in pairs})
        assert len(found) == sum(dropout > 0 for _, _, dropout in cells)
        for row, comparison in zip(family.itertuples(), found.values(), strict=True):
            assert (row.mean, row.high) == pytest.approx((comparison.difference.mean, comparison.difference.high))
            assert (row.adjusted_p, row.comparisons) == pytest.approx((comparison.adjusted_p, len(found)))


def test_the_page_follows_the_comparisons():
    page = (ROOT / "study/sizes/README.md").read_text(encoding="utf-8")
    design = yaml.safe_load((ROOT / "study/sizes.yaml").read_text(encoding="utf-8"))
    committed = pd.read_csv(ROOT / "study/sizes/effects.csv").set_index(["value", "early_stopping"]).sort_index()
    for claim in design["claims"]:
        (section,) = (part for part in page.split("\n### ") if part.startswith(f"{claim['claim']['en']}?\n"))
        rows = committed.loc[claim["value"], claim["early_stopping"]]
        significant = rows[rows["adjusted_p"] <= 0.05]
        pays = int(((significant["mean"] < 0) == ("loss" in claim["value"])).sum())
        assert f"{pays} of {len(rows)} comparisons; the opposite in {len(significant) - pays}." in section
        texts = {}
        for row in rows.itertuples():
            bold = "**" if row.adjusted_p <= 0.05 else ""
            text = f"{bold}{row.mean:+.4f}{bold} ± {row.high - row.mean:.4f}, p {row.adjusted_p:.3f}"
            texts[row.network, row.dropout, row.images] = text
        header, _, *lines = re.findall(r"(?m)^\|(.+)\|$", section.split("\n## ")[0])
        columns = [int(re.sub(r"\D", "", text)) for text in header.split("|")[1:]]
        cells = [(name, rate) for name, network in design["networks"].items() for rate in network["rates"]]
        for line, (name, rate) in zip(lines, cells, strict=True):
            label, *found = (text.strip() for text in line.split("|"))
            assert label == f"{design['networks'][name]['title']['en']}, dropout {rate:g}"
            assert found == [texts.get((name, rate, images), "") for images in columns]
