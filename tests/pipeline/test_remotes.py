"""What a team shares: results and experiments, through a bare Git repository and a DVC remote in S3 or a folder."""

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from stages.data.raw_files import read_registry
from tests.support.clone import Clone
from tests.support.s3 import s3_bucket
from tests.support.workspace import write_params

UP_TO_DATE = "Data and pipelines are up to date."
S3 = pytest.param("s3", marks=pytest.mark.skipif(not find_spec("dvc_s3"), reason="requirements-dev.txt has dvc-s3"))
FOLDER = pytest.param("folder", marks=pytest.mark.acceptance)


def forget_remotes(clone: Clone) -> None:
    """Give a clone a cache of its own of what is in a remote: DVC's is one for the whole machine."""
    clone.dvc("config", "--local", "core.site_cache_dir", str(clone.folder.with_suffix(".site")))


def publish(clone: Clone, url: str, endpoint: str = "") -> Path:
    """Give a clone both remotes, and push its commits; return the bare repository."""
    bare = clone.folder.with_name("team.git")
    forget_remotes(clone)
    clone.dvc("remote", "add", "--default", "team", url)
    if endpoint:
        clone.dvc("remote", "modify", "team", "endpointurl", endpoint)
    clone.commit()
    clone.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    clone.run("git", "remote", "add", "origin", str(bare))
    clone.run("git", "push", "--quiet", "origin", "main")
    return bare


def another(bare: Path) -> Clone:
    """Return a clone on another machine, with nothing else there."""
    clone = Clone.at(bare.with_name("second"))
    clone.folder.mkdir()
    clone.run("git", "clone", "--quiet", str(bare), ".")
    forget_remotes(clone)
    return clone


@pytest.mark.parametrize("kind", [S3, FOLDER])
def test_another_machine_pulls_results_and_experiments_and_has_nothing_to_do(clone: Clone, tmp_path, monkeypatch, kind):
    def share(url: str, endpoint: str = "") -> None:
        bare = publish(clone, url, endpoint)
        clone.dvc("push")
        second = another(bare)
        second.dvc("pull")
        assert UP_TO_DATE in second.dvc("repro").stdout
        assert second.outputs() == clone.outputs()
        assert second.git_status() == ""

        clone.dvc("exp", "run", "--name", "less", "-S", "dropout=0.1")
        clone.dvc("exp", "push", "origin", "less")
        second.dvc("exp", "pull", "origin", "less")
        second.dvc("exp", "apply", "less")
        assert second.outputs() == clone.outputs()
        assert UP_TO_DATE in second.dvc("repro").stdout

    if kind == "folder":
        share(str(tmp_path / "storage"))
    else:
        with s3_bucket(monkeypatch) as (url, endpoint):
            share(url, endpoint)


@pytest.mark.acceptance
def test_raw_files_come_from_the_remote_to_where_no_internet_is(real_data, clone: Clone, tmp_path, monkeypatch):
    names = [file.name for file in read_registry().files.values()]
    for name in names:
        shutil.copy(Path(os.environ["FASHION_MNIST_DIR"]) / name, clone.folder / "data/raw")
    monkeypatch.setenv("FASHION_MNIST_DIR", "")
    for proxy in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # nobody listens there
    write_params(clone.folder, dataset="fashion_mnist", limit=300)
    clone.dvc("add", "--glob", "data/raw/*.gz")
    pointers = [f"data/raw/{name}.dvc" for name in names]
    bare = publish(clone, str(tmp_path / "storage"))
    clone.dvc("push", *pointers)
    second = another(bare)
    assert "cannot be downloaded" in second.dvc("repro", "prepare", check=False).stderr
    second.dvc("pull", *pointers)
    second.dvc("repro", "prepare")
    assert json.loads((second.folder / "metrics/data.json").read_text())["dataset"] == "fashion_mnist"
