"""What a team shares: results and experiments, through a bare Git repository and a DVC remote in S3 or a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.clone import Clone

UP_TO_DATE = "Data and pipelines are up to date."
NEEDS_S3 = pytest.mark.skipif(not find_spec("dvc_s3"), reason="requirements-dev.txt has dvc-s3")


@contextmanager
def in_a_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[tuple[str, str]]:
    yield str(folder), ""


@contextmanager
def in_s3(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve an empty bucket, with credentials in the environment; yield the bucket's URL and the server's."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="team")
        yield "s3://team/dvc", url
    finally:
        server.stop()


def forget_remotes(clone: Clone) -> None:
    """Give a clone its own list of files in remotes, because DVC keeps one list for the whole machine."""
    clone.dvc("config", "--local", "core.site_cache_dir", str(clone.folder.with_suffix(".site")))


@pytest.mark.acceptance
@pytest.mark.parametrize("remote", [pytest.param(in_s3, marks=NEEDS_S3), in_a_folder])
def test_another_machine_pulls_results_and_experiments_and_is_up_to_date(clone: Clone, tmp_path, monkeypatch, remote):
    bare, second = str(tmp_path / "team.git"), Clone.at(tmp_path / "second")
    with remote(monkeypatch, tmp_path / "storage") as (url, endpoint):
        forget_remotes(clone)
        clone.dvc("remote", "add", "--default", "team", url)
        if endpoint:
            clone.dvc("remote", "modify", "team", "endpointurl", endpoint)
        clone.commit()
        clone.run("git", "init", "--quiet", "--bare", "--initial-branch=main", bare)
        clone.run("git", "remote", "add", "origin", bare)
        clone.run("git", "push", "--quiet", "origin", "main")
        clone.dvc("push")
        clone.run("git", "clone", "--quiet", bare, str(second.folder))
        forget_remotes(second)
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
