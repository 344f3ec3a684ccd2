"""When does dropout pay: the design, before there are results."""

import pytest

from stages.base.errors import UserError
from study.sizes.grid import Cell, read_grid
from tests.support.workspace import ROOT


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
