"""Find, download and check raw files."""

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import pytest

from stages.base.errors import DataUnreachable, UserError
from stages.data.raw_files import RawFile, Registry, fetch, on_this_machine, raw_folders

ROLES = ("train_images", "train_labels", "test_images", "test_labels")
RIGHT = b"the right contents"
HERE = Path("data/raw/file.gz")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASHION_MNIST_DIR")


@pytest.fixture
def mirror(tmp_path: Path):
    """Serve the folder `served`; yield the URL and the paths of all requests."""
    (tmp_path / "served").mkdir()
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *arguments):
            requests.append(self.path)

    handler = functools.partial(Handler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", requests
        server.shutdown()


def put(path: str | Path, contents: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(contents)


def registry(*mirrors: str) -> Registry:
    """Return a registry with the same file in all four roles."""
    file = RawFile(name="file.gz", checksum=f"md5:{hashlib.md5(RIGHT).hexdigest()}")
    files = dict.fromkeys(ROLES, file)
    return Registry(mirrors=list(mirrors), files=files, sample=files, classes=[])


def test_a_file_with_the_right_checksum_is_used_without_the_network(mirror, monkeypatch):
    put("elsewhere/file.gz", RIGHT)
    monkeypatch.setenv("FASHION_MNIST_DIR", "elsewhere")
    assert on_this_machine(registry())
    assert fetch(registry(mirror[0])) == dict.fromkeys(ROLES, Path("elsewhere/file.gz"))
    put(HERE, RIGHT)
    assert fetch(registry(mirror[0])) == dict.fromkeys(ROLES, HERE)
    assert mirror[1] == []


def test_both_folders_are_relative_to_the_main_checkout_in_a_temporary_copy(monkeypatch):
    monkeypatch.setenv("DVC_ROOT", "/main/checkout")
    monkeypatch.setenv("FASHION_MNIST_DIR", "../files")
    assert raw_folders() == [Path("/main/checkout/data/raw"), Path("/main/checkout/../files")]


def test_an_absent_file_is_downloaded_once_from_the_first_mirror_that_serves_it(mirror):
    put("served/second/file.gz", RIGHT)
    assert not on_this_machine(registry())
    fetch(registry(mirror[0] + "first/", mirror[0] + "second/"))
    assert mirror[1] == ["/first/file.gz", "/second/file.gz"]
    assert HERE.read_bytes() == RIGHT


@pytest.mark.parametrize("folder", ["data/raw", "elsewhere"])
def test_another_file_of_that_name_is_refused_and_never_overwritten(mirror, monkeypatch, folder):
    monkeypatch.setenv("FASHION_MNIST_DIR", "elsewhere")
    put("served/file.gz", RIGHT)
    put(f"{folder}/file.gz", b"digits under the same name")
    with pytest.raises(UserError, match=rf"^{folder}/file\.gz: "):
        fetch(registry(mirror[0]))
    assert Path(folder, "file.gz").read_bytes() == b"digits under the same name"
    assert mirror[1] == []


def test_a_wrong_download_is_not_kept_and_every_mirror_has_its_reason(mirror):
    put("served/file.gz", b"<html>not the file</html>")
    with pytest.raises(DataUnreachable) as error:
        fetch(registry(mirror[0], mirror[0] + "nowhere/", "http://127.0.0.1:9/"))
    for part in ("another file", "HTTPError", "ConnectionError", "data/raw", "dataset=sample"):
        assert part in str(error.value)
    assert not list(Path("data/raw").iterdir())
