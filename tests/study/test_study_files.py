"""The files of the study: its design, its dvc.yaml, and the committed results."""

import re
import subprocess

import pytest
import yaml

from stages.base.errors import UserError
from stages.base.inputs import md5_of
from study.notes.design import read_design
from tests.support.sources import imported_files, texts_in, undeclared, unneeded
from tests.support.workspace import ROOT

SAMPLE = "study/sizes/sample.csv"
PIPELINE = yaml.safe_load((ROOT / "study/dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seeds: 10", "seeds: 1", "seeds: must be at least 2, got 1"),
        ("dropout: 0.3, epochs: 11", "dropout: 3, epochs: 11", "params.dropout: must be less than 1, got 3"),
        ("of: stopped", "of: stoped", "'Early stopping runs fewer epochs' is of a training that is not there: stoped"),
        ("value: epochs", "value: epoch", "claims.8.value: must be "),
        ("claims:", "claims: []\nx:", "claims: "),
        (" patience: null", " patience: 1", "trainings: must have one without early stopping"),
        (
            "Early stopping runs fewer epochs",
            "Adam does better than RMSprop (20 epochs)",
            "must be there once each, got",
        ),
        ("  batch_size: 32", "  batchsize: 32", "batch_size is missing"),
        ("shared:", "shred:", "unknown key 'shred', did you mean seeds?"),
        ("trainings:", "trainings: 3\nx:", "study/notes.yaml: "),
    ],
)
def test_a_wrong_design_is_refused(tmp_path, monkeypatch, old, new, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    text = (ROOT / "study/notes.yaml").read_text(encoding="utf-8")
    (tmp_path / "study/notes.yaml").write_text(
        text.replace(old, new, 1 if old != " patience: null" else -1), encoding="utf-8"
    )
    with pytest.raises(UserError) as error:
        read_design()
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def outs(stage: str) -> set[str]:
    return {next(iter(entry)) for entry in PIPELINE[stage]["outs"]}


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_depends_on_the_sources_that_it_imports_and_the_files_that_it_names(stage):
    """Or on a sample of what those make, and on nothing that the sample does not."""
    declared, module = PIPELINE[stage]["deps"], PIPELINE[stage]["cmd"].split()[2]
    script = ROOT / f"{module.replace('.', '/')}.py"
    if SAMPLE in declared:
        of_sample = PIPELINE["sizes-sample"]["deps"]
        assert undeclared(script, of_sample) == set()
        assert set(declared) - {SAMPLE} == {dep for dep in of_sample if dep.endswith((".npz", ".yaml"))}
        return
    assert undeclared(script, declared) == set()
    assert unneeded(script, declared) == set()
    texts = {
        text for text in texts_in(imported_files(script)) if re.fullmatch(r"(study|benchmarks|metrics)/[\w./]*\w", text)
    }
    files = {
        name for name in declared if name.startswith(("study/", "benchmarks/", "metrics/")) and not name.endswith(".py")
    }
    assert texts - {"study/dvc.yaml"} <= files | outs(stage)
    assert PIPELINE[stage]["wdir"] == ".."  # so that all paths are the root's


@pytest.mark.process
def test_it_has_plain_outs_only_and_git_has_them_all():
    """Metrics and plots would appear in the root's `dvc metrics show`, and what Git has DVC must not cache."""
    for stage in PIPELINE.values():
        assert not stage.keys() & {"metrics", "plots", "params"}
        assert all(entry[next(iter(entry))] == {"cache": False} for entry in stage["outs"])
    tracked = subprocess.check_output(["git", "ls-files", "study"], cwd=ROOT, text=True).splitlines()
    assert set().union(*map(outs, PIPELINE)) < set(tracked)
    assert outs("notes-trainings") < set(PIPELINE["notes-findings"]["deps"])
    assert outs("sizes-dense") | outs("sizes-cnn") < set(PIPELINE["sizes-effects"]["deps"])


@pytest.mark.parametrize("design", ["notes.yaml", "sizes.yaml"])
def test_what_the_trainings_share_is_as_in_params_yaml(design: str):
    """Or the commands on the page would run others."""
    shared = yaml.safe_load((ROOT / "study" / design).read_text(encoding="utf-8"))["shared"]
    assert shared.items() <= yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")).items()


def test_the_committed_results_are_of_the_committed_design_and_sources():
    """Whoever changes a line that they depend on runs `make study` again and commits what it gives."""
    lock = yaml.safe_load((ROOT / "study/dvc.lock").read_text(encoding="utf-8"))["stages"]
    root = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    images = {dep["path"]: dep["md5"] for stage in root.values() for dep in stage["deps"] if ".npz" in dep["path"]}
    for stage in ("notes-trainings", "sizes-sample", "sizes-dense", "sizes-cnn"):
        used = {dep["path"]: dep["md5"] for dep in lock[stage]["deps"] if "prepared/" in dep["path"]}
        assert used.items() <= images.items()
        assert len(used) >= 2
    for stage, entry in lock.items():
        assert entry["cmd"] == PIPELINE[stage]["cmd"]
        for file in entry["deps"] + entry["outs"]:
            if not file["path"].startswith("data/"):
                assert md5_of(ROOT / file["path"], ROOT) == file["md5"], file["path"]
