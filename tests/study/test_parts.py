"""`make study`: which part is run, and what is said before."""

import sys

import pytest
import yaml

from stages.base.errors import UserError
from study import __main__ as study
from study.notes.design import read_design
from study.sizes.grid import read_grid
from tests.support.workspace import ROOT


@pytest.fixture
def asked_for(monkeypatch) -> list[str]:
    """What `dvc repro` was asked for."""
    targets: list[str] = []
    monkeypatch.setattr(study.repro, "main", targets.extend)
    return targets


@pytest.mark.parametrize(
    ("words", "stages"),
    [([], ["notes-findings", "sizes-effects"]), (["notes"], ["notes-findings"]), (["sizes"], ["sizes-effects"])],
)
def test_it_says_how_long_a_part_takes_and_runs_it(monkeypatch, asked_for, capsys, words: list[str], stages: list[str]):
    monkeypatch.setattr(sys, "argv", ["study", *words])
    study.main()
    assert asked_for == [f"study/dvc.yaml:{stage}" for stage in stages]
    said = capsys.readouterr().out
    assert [name for name in study.PARTS if f"\n  {name} " in said] == (words or list(study.PARTS))
    assert all(len(line) <= 80 for line in said.splitlines())


def test_a_part_that_is_not_there_is_one_line(monkeypatch, asked_for):
    monkeypatch.setattr(sys, "argv", ["study", "size"])
    with pytest.raises(UserError, match=r"^PART: must be notes or sizes, got size$"):
        study.main()
    assert asked_for == []


def test_a_part_is_all_of_its_stages_and_counts_its_trainings():
    pipeline = yaml.safe_load((ROOT / "study/dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name, part in study.PARTS.items():
        last = [stage for stage in pipeline if stage.startswith(f"{name}-")][-1]
        assert part.stage == last
    assert len(pipeline) == 6
    notes, grid = read_design(), read_grid()
    counted = {name: [int(text.split()[0]) for text, _ in part.steps] for name, part in study.PARTS.items()}
    assert counted == {
        "notes": [len(notes.trainings) * notes.seeds],
        "sizes": [len(list(grid.runs(kind))) for kind in ("dense", "cnn")],
    }
