"""The files of the study: its design, its dvc.yaml, and the committed results."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from stages.base.errors import UserError
from study.notes import findings
from study.notes.design import read_design
from study.sizes import effects
from study.sizes.grid import read_grid
from study.wording import PAGES
from tests.support.clone import Clone, skip_elsewhere
from tests.support.sources import undeclared, unneeded
from tests.support.workspace import ROOT

PIPELINE = yaml.safe_load((ROOT / "study/dvc.yaml").read_text(encoding="utf-8"))["stages"]


def outs(stage: str) -> set[str]:
    return {next(iter(entry)) for entry in PIPELINE[stage]["outs"]}


@pytest.mark.parametrize("stage", [name for name, stage in PIPELINE.items() if not stage.get("frozen")])
def test_a_stage_declares_the_sources_that_it_imports_and_the_files_that_it_names(stage):
    declared, script = PIPELINE[stage]["deps"], ROOT / f"{PIPELINE[stage]['cmd'].split()[2].replace('.', '/')}.py"
    assert undeclared(script, declared) == set()
    assert unneeded(script, declared) == set()
    assert PIPELINE[stage]["wdir"] == ".."  # so that all paths are relative to the root


@pytest.mark.process
def test_outputs_are_plain_and_all_are_in_git():
    """Metrics and plots would appear in the root's `dvc metrics show`."""
    for stage in PIPELINE.values():
        assert not stage.keys() & {"metrics", "plots", "params"}
        assert all(entry[next(iter(entry))] == {"cache": False, "persist": True} for entry in stage["outs"])
    tracked = subprocess.check_output(["git", "ls-files", "study"], cwd=ROOT, text=True).splitlines()
    assert set().union(*map(outs, PIPELINE)) < set(tracked)
    assert outs("notes-trainings") < set(PIPELINE["notes-findings"]["deps"])
    assert outs("sizes-trainings") < set(PIPELINE["sizes-effects"]["deps"])
    # the trainings that take hours
    assert [name for name, stage in PIPELINE.items() if stage.get("frozen")] == ["sizes-trainings"]


@pytest.mark.process
def test_the_committed_results_are_those_of_the_committed_design_and_sources():
    """After a change of a dependency: dvc repro study/dvc.yaml, and commit what it gives."""
    done = subprocess.run(
        ["dvc", "status", "--json", "study/dvc.yaml"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    changed = [
        path
        for changes in json.loads(done.stdout).values()
        for change in changes
        if isinstance(change, dict)
        for kind in change.values()
        for path, how in kind.items()
        if not (how == "deleted" and path.startswith("data/prepared/"))  # Git does not have them
    ]
    assert changed == []


@pytest.mark.parametrize(("describe", "stage"), [(findings.main, "notes-findings"), (effects.main, "sizes-effects")])
def test_the_committed_pages_and_tables_follow_from_the_committed_trainings(describe, stage, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "study", tmp_path / "study")
    shutil.copytree(ROOT / "metrics", tmp_path / "metrics")
    monkeypatch.chdir(tmp_path)
    texts = [path for path in outs(stage) if not path.endswith(".png")]
    for path in texts:
        Path(path).unlink()
    describe()
    assert {path: Path(path).read_bytes() for path in texts} == {path: (ROOT / path).read_bytes() for path in texts}


@pytest.mark.parametrize("study", ["notes", "sizes"])
def test_both_pages_have_the_same_numbers_commands_and_links_and_no_link_is_dead(study: str):
    pages = [(ROOT / "study" / study / name).read_text(encoding="utf-8") for name in PAGES]
    english, korean = (page.split("\n\n", 2)[2] for page in pages)  # without the link to the other page
    for what in (r"[+-]?\d+\.\d+", r"\]\(([^)]+)\)", r"(?m)^    (.+)$"):
        assert sorted(re.findall(what, english)) == sorted(re.findall(what, korean))
    assert all((ROOT / "study" / study / target).is_file() for target in re.findall(r"\]\(([^)]+)\)", english))


@pytest.mark.parametrize(
    ("study", "old", "new", "keyword"),
    [
        ("notes", "seeds: 10", "seeds: 1", "seeds"),
        ("notes", "dropout: 0.3, epochs: 11", "dropout: 3, epochs: 11", "dropout"),
        ("notes", "value: epochs", "value: epoch", "value"),
        ("notes", "  batch_size: 32", "  batchsize: 32", "batch_size"),
        ("sizes", "seeds: 10", "seeds: 1", "seeds"),
        ("sizes", "rates: [0.3", "rates: [0", "rates"),
        ("sizes", "images: [1000", "images: [0", "images"),
        ("sizes", "hidden_units: 1000", "hiden_units: 1000", "hidden_units"),
        ("sizes", "value: kept_val_loss", "value: val_loss", "value"),
        ("sizes", "claims:", "clams:", "clams"),
    ],
)
def test_a_wrong_design_is_refused_in_one_line(workspace, study: str, old: str, new: str, keyword: str):
    (workspace / "study").mkdir()
    text = (ROOT / f"study/{study}.yaml").read_text(encoding="utf-8")
    assert old in text
    (workspace / f"study/{study}.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=keyword) as error:
        {"notes": read_design, "sizes": read_grid}[study]()
    assert "\n" not in str(error.value)


@pytest.mark.process
@pytest.mark.acceptance
def test_the_notes_study_comes_out_again_to_the_byte(real_data, tmp_path: Path):
    """Without the trainings of sizes, which take hours."""
    clone = Clone(tmp_path)
    skip_elsewhere(clone)
    clone.dvc("repro", "prepare")
    clone.dvc("repro", "--force", "study/dvc.yaml:notes-findings")
    clone.dvc("repro", "--force", "--single-item", "study/dvc.yaml:sizes-effects")
    assert clone.git_status() == ""
