"""When does dropout pay: what is trained, what is measured of it, and what is said of it."""

import csv
import itertools
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from joblib import Parallel, delayed
from scipy import stats

from stages import SOURCES, evaluate, prepare, train
from stages.base.errors import ProjectError, UserError
from stages.base.files import load_csv
from stages.data.images import load_images, save_images
from stages.training.backend import keras
from stages.training.model import compiled_model
from study.sizes import cell as cell_module
from study.sizes import cells, effects, sample
from study.sizes.cell import sample_cell, train_cell
from study.sizes.grid import Cell, read_grid
from tests.support.small import small_sizes
from tests.support.workspace import ROOT, head, history, new_processes, params, read_json, run_stages, work_in_a_copy

OUTS = ("dense.csv", "effects.csv", "dropout.png", *effects.PAGES)
COLUMNS = {"network": str, "images": int, "dropout": float, "seed": int, "early_stopping": str, "epochs": int,
           "kept_epoch": int, "kept_val_loss": float, "kept_val_accuracy": float, "last_val_loss": float,
           "last_val_accuracy": float}  # fmt: skip


def train_cells(monkeypatch, kind: str = "dense") -> None:
    new_processes()
    monkeypatch.setattr(sys, "argv", ["cells", kind])
    cells.main()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sizes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stages(folder, prepare)
        small_sizes(folder, kinds=("dense",))
        train_cells(patch)
        effects.main()
    return folder


@pytest.fixture
def sizes(made: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of the outputs, made the current folder."""
    return work_in_a_copy(made, tmp_path, monkeypatch)


def rows(folder: Path = Path(), kind: str = "dense") -> list[dict]:
    return load_csv(folder / f"study/sizes/{kind}.csv", COLUMNS)


@pytest.mark.process
def test_every_network_has_every_rate_size_and_seed_with_early_stopping_and_without(sizes):
    found = {tuple(row.values())[:5] for row in rows()}
    assert len(found) == len(rows()) == 2 * 2 * 2 * 3 * 2
    assert {row["images"] for row in rows()} == {10, 480}


@pytest.mark.process
def test_a_row_is_what_the_pipeline_gives_on_the_first_images(sizes):
    """With early stopping and without."""
    whole = load_images(Path("data/prepared/train.npz"))
    save_images(Path("data/prepared/train.npz"), head(whole, 480))
    for stopping, patience in (("false", None), ("true", 1)):
        run_stages(sizes, train, evaluate, epochs=3, patience=patience, hidden_units=10, dropout=0.5, seed=2)
        (row,) = (row for row in rows() if tuple(row.values())[:5] == ("dense-100", 480, 0.5, 2, stopping))
        trained, recorded = read_json("metrics/train.json"), history()
        assert (row["epochs"], row["kept_epoch"]) == (trained["epochs"], trained["best_epoch"])
        assert row["kept_val_loss"] == read_json("metrics/evaluation.json")["validation"]["loss"]
        assert row["last_val_accuracy"] == recorded["val_accuracy"][-1]


@pytest.mark.process
def test_no_epoch_is_computed_twice_and_a_training_leaves_one_small_record(sizes, made, monkeypatch, capsys):
    train_cells(monkeypatch)
    assert "24 trainings, 0 epochs computed, the others read back" in capsys.readouterr().out
    assert rows() == rows(made)
    records = list((sizes / "models/.epochs").glob("*/[0-9]*"))
    assert len(records) == 24
    assert max(record.stat().st_size for record in records) < 4096
    records[0].write_bytes(records[0].read_bytes()[:-1])
    records[1].unlink()
    train_cells(monkeypatch)
    assert "24 trainings, 6 epochs computed, the others read back" in capsys.readouterr().out
    assert rows() == rows(made)


@pytest.mark.process
def test_a_source_behind_the_sample_that_is_changed_meanwhile_leaves_no_table(sizes, monkeypatch):
    before = Path("study/sizes/dense.csv").read_bytes()
    monkeypatch.setitem(SOURCES, "stages/training/adam.py", "another")
    with pytest.raises(ProjectError, match=r"^stages/training/adam\.py was changed while sizes-dense ran"):
        train_cells(monkeypatch)
    assert Path("study/sizes/dense.csv").read_bytes() == before


@pytest.mark.process
def test_the_sample_is_the_rows_of_the_first_seed_after_its_epochs(sizes, made):
    """Which are all epochs of this small design."""
    new_processes()
    shutil.rmtree("models/.epochs")
    sample.main()
    assert not Path("models/.epochs").exists()  # computed, whatever is stored
    of_sample = load_csv(sample.TABLE, COLUMNS | {"state": str})
    assert [{name: row[name] for name in COLUMNS} for row in of_sample] == [row for row in rows() if row["seed"] == 1]
    assert len({row["state"] for row in of_sample}) == len(of_sample) / 2


@pytest.mark.trains
def test_the_last_bit_of_one_weight_is_in_the_sample(workspace, monkeypatch):
    run_stages(workspace, prepare)
    cell, small = Cell("dense-100", 100, 0.5), params(epochs=1)
    first = sample_cell(small, cell, 1)
    assert sample_cell(small, cell, 1) == first

    def with_another_bit(*arguments) -> keras.Model:
        model = compiled_model(*arguments)
        weights = model.trainable_variables[0].numpy()
        weights[0, 0] = np.nextafter(weights[0, 0], np.float32(1))
        model.trainable_variables[0].assign(weights)
        return model

    monkeypatch.setattr(cell_module, "compiled_model", with_another_bit)
    other = sample_cell(small, cell, 1)
    assert other != first
    assert [row[:-1] for row in other] == [row[:-1] for row in first]  # no value of the table shows it


@pytest.mark.process
@pytest.mark.acceptance
def test_convolutions_are_trained_by_a_command_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_stages(tmp_path, prepare)
    small_sizes(tmp_path, kinds=("cnn",))
    train_cells(monkeypatch, "cnn")
    assert {row["network"] for row in rows(kind="cnn")} == {"cnn"}


def test_every_network_has_every_rate_size_and_seed_once(monkeypatch):
    monkeypatch.chdir(ROOT)
    grid = read_grid()
    assert grid.kinds() == ["dense", "cnn"]
    dense, cnn = (list(grid.runs(kind)) for kind in grid.kinds())
    assert len(set(dense)) == len(dense) == 2 * 4 * 3 * 10
    assert len(set(cnn)) == len(cnn) == 3 * 2 * 7
    assert dense[0] == (1, Cell("dense-100", 1000, 0.0))
    assert cnn[-1] == (7, Cell("cnn", 16000, 0.4))
    assert {grid.networks[cell.network].params.network for _, cell in cnn} == {"cnn"}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seeds: 10", "seeds: 1", "networks.dense-100.seeds: must be at least 2, got 1"),
        ("dropout: [0.3", "dropout: [0", "networks.dense-100.dropout.0: must be greater than 0, got 0"),
        ("[0.3, 0.5]", "[0.5, 0.3]", "dropout: must be in rising order, once each, got [0.5, 0.3]"),
        ("images: [1000, 4000", "images: [1000, 1000", "images: must be in rising order, once each"),
        ("images: [1000", "images: [0", "networks.dense-100.images.0: must be at least 1, got 0"),
        ("network: cnn", "network: cn", "networks.cnn.params.network: must be "),
        ("hidden_units: 1000", "hiden_units: 1000", "networks.dense-1000.params.hidden_units is missing"),
        ("epochs: 30", "epoch: 30", "networks.dense-100.params.epochs is missing"),
        ("patience: 2", "patience: null", "patience: must be a number, since early stopping is asked about"),
        ("value: kept_val_loss", "value: val_loss", "claims.0.value: must be "),
        ("early_stopping: false", "early_stopping: none", "claims.0.early_stopping: must be true or false, got 'none'"),
        ("Dropout raises the validation accuracy of the last epoch", "Dropout lowers the best validation loss",
         "claims: must be there once each, got 'Dropout lowers the best validation loss' twice"),
        ("claims:", "claims: []\nx:", "claims: "),
        ("networks:", "networks: {}\nx:", "networks: "),
        ("networks:", "networks: 3\nx:", "networks: "),
        ("  dense-100:", "  dense-100: 3\n  other:", "networks.dense-100: "),
        ("shared:", "shared: 3\nx:", "unknown key 'shared'"),
        ("shared:", "shred:", "unknown key 'shred'"),
    ],
)  # fmt: skip
def test_a_wrong_design_is_refused(tmp_path, monkeypatch, old: str, new: str, line: str):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    text = (ROOT / "study/sizes.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "study/sizes.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_grid()
    assert line in str(error.value)
    assert str(error.value).startswith("study/sizes.yaml: ")
    assert "\n" not in str(error.value)


@pytest.mark.process
@pytest.mark.acceptance
@pytest.mark.parametrize("kind", ["dense", "cnn"])
def test_committed_rows_come_out_again(real_data, workspace: Path, kind: str):
    """Those of the smallest training sets with one seed: all take hours."""
    run_stages(workspace, prepare, dataset="fashion_mnist", limit=None)
    shutil.copytree(ROOT / "study", workspace / "study")
    grid, seed = read_grid(), 3
    cells_of = [cell for each, cell in grid.runs(kind) if each == seed and cell.images == 1000]
    new_processes()
    done = Parallel(2)(delayed(train_cell)(grid.networks[cell.network].params, cell, seed) for cell in cells_of)
    made = [row for found, _ in done for row in found]
    assert len(made) == {"dense": 2 * 3 * 2, "cnn": 2 * 2}[kind]
    with (ROOT / f"study/sizes/{kind}.csv").open(encoding="utf-8", newline="") as file:
        committed = [row for row in csv.reader(file) if (row[1], row[3]) == ("1000", str(seed))]
    assert [[str(value) for value in row] for row in made] == committed


@pytest.mark.parametrize("words", [[], ["cn"], ["dense", "cnn"]])
def test_a_kind_that_is_not_there_is_one_line(tmp_path, monkeypatch, words: list[str]):
    monkeypatch.chdir(tmp_path)
    small_sizes(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cells", *words])
    with pytest.raises(UserError, match=r"^say which networks: dense or cnn$"):
        cells.main()


def test_more_images_than_there_are_is_one_line(workspace):
    run_stages(workspace, prepare, limit=300)
    with pytest.raises(UserError, match=r"^study/sizes\.yaml: images: at most 240 are there, got 480$"):
        train_cell(params(), Cell("dense-100", 480, 0.5), 1)


@pytest.mark.process
def test_the_page_made_again_has_the_same_bytes_and_no_dead_link(sizes, made):
    effects.main()
    for name in OUTS:
        assert (sizes / "study/sizes" / name).read_bytes() == (made / "study/sizes" / name).read_bytes()
    for name in effects.PAGES:
        links = re.findall(r"\]\(([^)]+)\)", (sizes / "study/sizes" / name).read_text(encoding="utf-8"))
        assert {"dropout.png", "dense.csv", "effects.csv", "../sizes.yaml"} <= set(links)
        assert all(any((top / "study/sizes" / target).is_file() for top in (ROOT, sizes)) for target in links)


@pytest.mark.parametrize("folder", [ROOT, pytest.param("sizes", marks=pytest.mark.process)], ids=["committed", "small"])
def test_both_languages_have_the_same_tables(folder, request):
    folder = folder if folder == ROOT else request.getfixturevalue(folder)
    cells = []
    for name in effects.PAGES:
        page = (folder / "study/sizes" / name).read_text(encoding="utf-8")
        cells.append([re.findall(r"[\d.,±+*-]+", line) for line in page.splitlines() if line.startswith("|")])
    assert cells[0] == cells[1]
    design = yaml.safe_load((folder / "study/sizes.yaml").read_text(encoding="utf-8"))
    english = [row["claim"] for row in design["claims"]] + [row["title"] for row in design["networks"].values()]
    assert [text for text in english if text in page] == []


@pytest.mark.process
def test_a_table_of_another_design_is_refused(sizes):
    small_sizes(sizes, seeds=3, kinds=("dense",))
    with pytest.raises(UserError, match=r"dense\.csv: cannot be used: it is not of the networks in study/sizes\.yaml"):
        effects.main()


def flips(differences: np.ndarray) -> float:
    """The sign-flip test, by counting."""
    seen = abs(differences.sum()) * (1 - 1e-12)
    signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    return float(np.mean(np.abs(signs @ differences) >= seen))


def holm(p: list[float]) -> list[float]:
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1))
    return np.minimum(1, steps)[np.argsort(order, kind="stable")].tolist()


def recomputed(folder: Path) -> dict[tuple, tuple[str, bool, bool]]:
    """Each comparison from the rows of the seeds: its text on the page, whether it is shown, whether dropout pays."""
    design = yaml.safe_load((folder / "study/sizes.yaml").read_text(encoding="utf-8"))
    found = {}
    for claim in design["claims"]:
        for kind in {network["network"] for network in design["networks"].values()}:
            values = {}
            for row in rows(folder, kind):
                if (row["early_stopping"] == "true") == claim["early_stopping"]:
                    cell = row["network"], row["images"], row["dropout"]
                    values.setdefault(cell, []).append(row[claim["value"]])
            differences = {
                (name, images, rate): np.subtract(seeds, values[name, images, 0])
                for (name, images, rate), seeds in values.items()
                if rate
            }
            for (cell, each), p in zip(differences.items(), holm([*map(flips, differences.values())]), strict=True):
                half = stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / len(each) ** 0.5
                bold = "**" if p <= 0.05 else ""
                lower = each.mean() < 0
                pays = p <= 0.05 and lower == ("loss" in claim["value"])
                text = f"{bold}{each.mean():+.4f}{bold} ± {half:.4f}, p {p:.3f}"
                found[claim["claim"], *cell] = text, p <= 0.05, pays
    return found


def assert_page_is_of_the_rows(folder: Path) -> None:
    design = yaml.safe_load((folder / "study/sizes.yaml").read_text(encoding="utf-8"))
    page = (folder / "study/sizes/README.md").read_text(encoding="utf-8")
    found = recomputed(folder)
    for claim in design["claims"]:
        (section,) = (part for part in page.split("\n### ") if part.startswith(f"{claim['claim']}?\n"))
        of = {key[1:]: each for key, each in found.items() if key[0] == claim["claim"]}
        pays, shown = (sum(each[n] for each in of.values()) for n in (2, 1))
        assert f"Shown in {pays} of {len(of)} comparisons; the opposite in {shown - pays}." in section
        header, _, *lines = re.findall(r"(?m)^\|(.+)\|$", section.split("\n## ")[0])
        columns = [int(re.sub(r"\D", "", text)) for text in header.split("|")[1:]]
        labels = [
            (name, rate, f"{network['title']}, dropout {rate:g}")
            for name, network in design["networks"].items()
            for rate in network["dropout"]
        ]
        for line, (name, rate, label) in zip(lines, labels, strict=True):
            first, *texts = (text.strip() for text in line.split("|"))
            assert first == label
            assert texts == [of.get((name, images, rate), ("",))[0] for images in columns]


@pytest.mark.process
def test_the_page_says_what_the_rows_of_the_seeds_say(sizes):
    assert_page_is_of_the_rows(sizes)


def test_the_committed_page_says_what_the_committed_rows_say():
    assert_page_is_of_the_rows(ROOT)


def noise(luck: np.random.Generator) -> np.ndarray:
    """Of ten seeds, and nothing but noise."""
    values = luck.normal(0, 0.01, 10)
    return values - values.mean()


def test_an_effect_that_is_there_is_shown_and_one_that_is_not_is_not(tmp_path, monkeypatch):
    """With planted values: ten seeds, so that something can be shown."""
    monkeypatch.chdir(tmp_path)
    small_sizes(tmp_path, seeds=10, kinds=("dense",))
    grid, luck = read_grid(), np.random.default_rng(0)
    values = {
        (cell, stopping): {claim.value: noise(luck) for claim in grid.claims}
        for seed, cell in grid.runs("dense")
        for stopping in (False, True)
        if seed == 1
    }
    values[Cell("dense-1000", 10, 0.5), False]["kept_val_loss"] -= 1
    values[Cell("dense-100", 480, 0.3), False]["kept_val_loss"] += 1
    values[Cell("dense-100", 10, 0.5), True]["kept_val_accuracy"] += 1
    told = {(each.claim.value, each.claim.early_stopping, each.cell): each for each in effects.effects(grid, values)}
    assert len(told) == 7 * 8
    shown = {key: each.told for key, each in told.items() if each.found.is_shown}
    assert shown == {
        ("kept_val_loss", False, Cell("dense-1000", 10, 0.5)): "yes",
        ("kept_val_loss", False, Cell("dense-100", 480, 0.3)): "no: it is higher",
        ("kept_val_accuracy", True, Cell("dense-100", 10, 0.5)): "yes",
    }
    assert [key for key, each in told.items() if each.pays] == [key for key, words in shown.items() if words == "yes"]
