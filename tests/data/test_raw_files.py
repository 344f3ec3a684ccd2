import functools
import hashlib
import http.server
import io
import sys
import threading
from pathlib import Path

import pytest

from stages.base.errors import DataUnreachable
from stages.data import raw_files
from stages.data.raw_files import (
    DownloadBar,
    RawFile,
    RawFiles,
    Registry,
    fetch,
    on_this_machine,
    open_with_bar,
    raw_folders,
)
from tests.support.workspace import Screen

ROLES = list(RawFiles.model_fields)
RIGHT = b"the right contents"
CHECKSUM = "md5:" + hashlib.md5(RIGHT).hexdigest()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASHION_MNIST_DIR")
    monkeypatch.setattr(raw_files, "ATTEMPTS_AGAIN", 0)


@pytest.fixture
def mirror(tmp_path: Path):
    """A web server for the folder `served`, with the requests that it got."""
    (tmp_path / "served").mkdir()
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if "busy" in self.path and len(requests) == 0:
                self.send_error(503)
            else:
                super().do_GET()

        def log_request(self, *arguments):
            requests.append(self.path)

    handler = functools.partial(Handler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", requests
        server.shutdown()


def put(path: str, contents: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(contents)


def registry(*mirrors: str) -> Registry:
    """Four roles played by one file."""
    file = RawFile(name="file.gz", checksum=CHECKSUM)
    return Registry(mirrors=list(mirrors), files=RawFiles(**dict.fromkeys(ROLES, file)), classes=[])


def everywhere(path: str) -> dict[str, Path]:
    return dict.fromkeys(ROLES, Path(path))


def test_a_right_file_in_data_raw_is_used_without_asking_the_network(mirror):
    put("data/raw/file.gz", RIGHT)
    assert fetch(registry(mirror[0])) == everywhere("data/raw/file.gz")
    assert mirror[1] == []


def test_the_named_folder_comes_next_and_the_wrong_file_is_named(monkeypatch, caplog):
    put("elsewhere/file.gz", RIGHT)
    put("data/raw/file.gz", b"wrong")
    monkeypatch.setenv("FASHION_MNIST_DIR", "elsewhere")
    assert on_this_machine(registry())
    assert fetch(registry()) == everywhere("elsewhere/file.gz")
    assert Path("data/raw/file.gz").read_bytes() == b"wrong"
    assert f"not used: data/raw/file.gz: its md5 is {hashlib.md5(b'wrong').hexdigest()}, expected" in caplog.text


def test_both_folders_count_from_the_main_checkout_in_a_temporary_copy(monkeypatch):
    monkeypatch.setenv("DVC_ROOT", "/main/checkout")
    monkeypatch.setenv("FASHION_MNIST_DIR", "../files")
    assert raw_folders() == [Path("/main/checkout/data/raw"), Path("/main/checkout/../files")]


def test_an_absent_file_is_downloaded_into_data_raw(mirror):
    put("served/file.gz", RIGHT)
    assert not on_this_machine(registry())
    assert {path.resolve() for path in fetch(registry(mirror[0])).values()} == {Path("data/raw/file.gz").resolve()}
    assert mirror[1] == ["/file.gz"]
    assert Path("data/raw/file.gz").read_bytes() == RIGHT


def test_a_download_takes_the_place_of_a_wrong_file_and_says_so(mirror, caplog):
    put("data/raw/file.gz", b"wrong")
    put("served/file.gz", RIGHT)
    fetch(registry(mirror[0]))
    assert Path("data/raw/file.gz").read_bytes() == RIGHT
    assert "not used: data/raw/file.gz: its md5 is" in caplog.text


def test_the_second_mirror_serves_where_the_first_cannot(mirror):
    put("served/second/file.gz", RIGHT)
    fetch(registry(mirror[0] + "first/", mirror[0] + "second/"))
    assert mirror[1] == ["/first/file.gz", "/second/file.gz"]
    assert Path("data/raw/file.gz").read_bytes() == RIGHT


@pytest.mark.parametrize("screen", [Screen(), io.StringIO()])
def test_a_download_is_tried_again_and_shows_its_progress_on_a_terminal(mirror, monkeypatch, screen):
    monkeypatch.setattr(raw_files, "ATTEMPTS_AGAIN", 1)
    monkeypatch.setattr(sys, "stderr", screen)
    put("served/busy/file.gz", RIGHT)
    fetch(registry(mirror[0] + "busy/"))
    assert mirror[1] == ["/busy/file.gz"] * 2
    shown = screen.getvalue()
    assert ("/18.0 " in shown) == shown.endswith("\r") == screen.isatty()  # a bar, and gone


def test_a_wrong_download_is_never_used_nor_kept_and_every_fault_is_named(mirror):
    put("served/file.gz", b"<html>not the file</html>")
    put("data/raw/file.gz", b"wrong")
    with pytest.raises(DataUnreachable) as error:
        fetch(registry(mirror[0], mirror[0] + "nowhere/"))
    assert "\n" not in str(error.value)
    for fault in (
        "data/raw/file.gz: its md5 is",
        f"{mirror[0]}: serves a file with another checksum",
        f"{mirror[0]}nowhere/: HTTP 404",
    ):
        assert fault in str(error.value)
    assert Path("data/raw/file.gz").read_bytes() == b"wrong"
    assert len(list(Path("data/raw").iterdir())) == 1


@pytest.mark.parametrize("screen", [Screen(), io.StringIO()])
def test_a_file_is_read_whole_and_a_terminal_shows_how_far(tmp_path: Path, monkeypatch, screen: io.StringIO):
    (tmp_path / "images.gz").write_bytes(b"x" * 5000)
    monkeypatch.setattr(sys, "stderr", screen)
    with open_with_bar(tmp_path / "images.gz") as file:
        assert file.read(2000) + file.read() == b"x" * 5000
    if screen.isatty():
        assert "reading images.gz:" in screen.getvalue()
        assert "/5.00k" in screen.getvalue()
        assert screen.getvalue().endswith("\r")  # and gone
    else:
        assert screen.getvalue() == ""


def test_pooch_takes_the_bar_for_one_and_fills_it(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with DownloadBar("images.gz") as bar:
        assert bar
        bar.total = 3000
        bar.update(1000)
        bar.refresh()
    assert "images.gz:  33%" in screen.getvalue()


def test_certificates_that_are_not_where_a_variable_says_are_a_mirror_that_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(DataUnreachable, match=r"https://127\.0\.0\.1:9/: Could not find a suitable TLS CA certificate"):
        fetch(registry("https://127.0.0.1:9/"))
