"""What a team shares: a DVC remote in a folder or in S3, and experiments through a bare Git repository."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from stages.data.raw_files import read_registry
from tests.support.clone import Clone, outputs
from tests.support.s3 import Server, s3_server
from tests.support.team import Team
from tests.support.workspace import ROOT, write_params

needs_s3 = pytest.mark.skipif(not find_spec("dvc_s3"), reason="dvc-s3 is not installed: make ready-s3 installs it")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with s3_server(monkeypatch) as server:
        yield server


@pytest.fixture
def folder_team(first: Clone, tmp_path: Path) -> Team:
    return Team(first, tmp_path, str(tmp_path / "storage"))


@pytest.fixture
def s3_team(first: Clone, server: Server, tmp_path: Path) -> Team:
    return Team(first, tmp_path, f"s3://{server.bucket}/dvc", server.url)


@pytest.mark.parametrize(
    "kind",
    [pytest.param("folder_team", marks=pytest.mark.acceptance), pytest.param("s3_team", marks=needs_s3)],
)
def test_what_one_machine_pushed_another_pulls_and_has_nothing_to_do(kind: str, request, tmp_path: Path):
    team = request.getfixturevalue(kind)
    team.first.dvc("push")
    second = team.another(tmp_path / "second machine")
    second.dvc("pull")
    assert "Data and pipelines are up to date." in second.dvc("repro").stdout
    assert outputs(second.folder) == outputs(team.first.folder)
    assert second.git_status() == ""

    team.first.dvc("exp", "run", "--name", "less", "-S", "dropout=0.1")
    team.first.dvc("exp", "push", "origin", "less")
    second.dvc("exp", "pull", "origin", "less")
    assert "less" in second.run("python", "-m", "stages.commands.experiments").stdout
    second.dvc("exp", "apply", "less")
    assert outputs(second.folder) == outputs(team.first.folder)
    assert "Data and pipelines are up to date." in second.dvc("repro").stdout


@needs_s3
@pytest.mark.parametrize(
    "how", [pytest.param("the server fails", marks=pytest.mark.acceptance), "the client is killed"]
)
def test_a_push_that_breaks_off_loses_nothing_and_is_completed_by_another(
    s3_team: Team, server: Server, tmp_path: Path, how: str
):
    team, before = s3_team, outputs(s3_team.first.folder)
    push = subprocess.Popen(
        ["dvc", "push", "--jobs", "1"], cwd=team.first.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def breaks(method: str, number: int) -> bool:
        if method == "PUT" and number > 3 and how == "the client is killed":
            push.send_signal(signal.SIGKILL)
        return method == "PUT" and number > 3

    server.breaks = breaks
    _, said = push.communicate()
    assert push.returncode == (-signal.SIGKILL if how == "the client is killed" else 1)
    if how == "the server fails":
        assert re.search(r"ERROR: failed to push data to the cloud - \d+ files failed to upload", said)
    assert len(server.objects()) == 3
    assert outputs(team.first.folder) == before

    second = team.another(tmp_path / "second machine")
    server.reset()
    assert second.dvc("pull", check=False).returncode == 1  # not all is there: it says so, and the exit code too
    team.first.dvc("push")
    server.breaks = lambda method, number: method == "GET" and number > 3
    assert second.dvc("pull", check=False).returncode == 1
    server.reset()
    second.dvc("pull")
    assert "Data and pipelines are up to date." in second.dvc("repro").stdout
    assert outputs(second.folder) == before


@pytest.mark.acceptance
def test_raw_files_come_from_the_remote_to_where_no_internet_is(real_data, folder_team: Team, tmp_path, monkeypatch):
    team, folder = folder_team, folder_team.first.folder
    for _, file in read_registry().files:
        shutil.copy(Path(os.environ["FASHION_MNIST_DIR"]) / file.name, folder / "data/raw")
    monkeypatch.delenv("FASHION_MNIST_DIR")
    write_params(folder, dataset="fashion_mnist", limit=300)
    team.first.dvc("add", "--glob", "data/raw/*.gz")
    team.publish()
    named = [f"data/raw/{file.name}.dvc" for _, file in read_registry().files]
    team.first.dvc("push", *named)
    second = team.another(tmp_path / "second machine")
    lacking = second.dvc("repro", "prepare", check=False)
    assert "train-images-idx3-ubyte.gz: not to be had (data/raw/" in lacking.stderr
    second.dvc("pull", *named)
    second.dvc("repro", "prepare")
    assert json.loads((second.folder / "metrics/data.json").read_text())["dataset"] == "fashion_mnist"
    assert set(second.git_status().splitlines()) == {"M  dvc.lock", " M metrics/data.json"}


CREDENTIAL = re.compile(
    r"(?i)(secret_access_key|access_key_id|password|token|account_key|connection_string|secret)\s*=\s*\w"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def test_no_credentials_are_committed():
    for secret in ("    secret_access_key =" + " abc", "AKIA" + "A" * 16, "-----BEGIN OPENSSH " + "PRIVATE KEY-----"):
        assert CREDENTIAL.search(secret)
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")[:-1]
    texts = {name: (ROOT / name).read_bytes().decode(errors="replace") for name in names if (ROOT / name).is_file()}
    assert [name for name, text in texts.items() if CREDENTIAL.search(text)] == []
    subprocess.check_call(["git", "check-ignore", "--quiet", ".dvc/config.local"], cwd=ROOT)
