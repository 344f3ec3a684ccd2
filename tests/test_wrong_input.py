"""Every wrong input of wrong_inputs.yaml is tried: the line, the exit code, and that no file was lost."""

import http.server
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stages import check, evaluate, plot, prepare, train
from stages.base.errors import UserError
from stages.base.process import run
from stages.data import raw_files
from stages.training import epochs
from stages.training.store import STORE
from tests.support.documents import documented, missing
from tests.support.sources import texts_in
from tests.support.workspace import ROOT, run_stages, snapshot, write_params
from tests.support.wrong_inputs import (
    DATA,
    IMAGE_FOLDERS,
    MODELS,
    NOBODY,
    PARAMS,
    PREPARED,
    TABLES,
    TRAINING,
    UNSEEN,
    mirror_files,
    registry,
    served,
)


def assert_refused(what: str, folder: Path, stage: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """The stage ends with the documented line and code, and leaves every file as it was."""
    before = snapshot(folder)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run(stage)
    last = capsys.readouterr().err.splitlines()[-1]
    name = stage.__module__.removeprefix("stages.")
    left = "everything" if name == "check" else f"all but the outputs of `{name}`"
    assert what in documented(), missing(what, last, stopped.value.code)
    line, *rest = documented()[what]
    assert re.fullmatch(line, last)
    assert rest == [stopped.value.code, left]
    assert {path: contents for path, contents in snapshot(folder).items() if path in before} == before
    assert {Path(path).name for path in set(snapshot(folder)) - set(before)} <= {"raw", "models", "plots", "metrics"}


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process as it was: `run` sets a signal handler, a case may set FASHION_MNIST_DIR."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("FASHION_MNIST_DIR", "")
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("what", PARAMS)
def test_wrong_parameters(what: str, workspace: Path, capsys):
    check.main()
    PARAMS[what](workspace)
    assert_refused(what, workspace, check.main, capsys)


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers as the first part of the path says."""

    def do_GET(self):
        how, name = self.path.split("/")[1:3]
        contents = {name: mirror_files()[role] for role, name in self.server.names.items()}[name]
        if how == "absent":
            self.send_error(404)
        elif how == "circle":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
        elif how == "elsewhere":
            self.send_response(302)
            self.send_header("Location", f"/right/{name}")
            self.end_headers()
        else:
            body = b"<html>log in first</html>" if how == "page" else contents
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:-9] if how in ("short", "silent") else body)
            if how == "silent":
                self.wfile.flush()
                time.sleep(3)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> Iterator[None]:
    """A web server; its port is in MIRROR_PORT."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "data").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.names = registry(folder, mirror_files(), NOBODY)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MIRROR_PORT", str(server.server_port))
        monkeypatch.setattr(raw_files, "ATTEMPTS_AGAIN", 0)
        monkeypatch.setattr(raw_files, "TIMEOUT", 1)
        yield
        server.shutdown()


@pytest.mark.parametrize("what", DATA)
def test_wrong_data(what: str, workspace: Path, mirror, capsys):
    run_stages(workspace, prepare)
    write_params(workspace)
    DATA[what](workspace)
    assert_refused(what, workspace, prepare.main, capsys)


@pytest.mark.parametrize("what", IMAGE_FOLDERS)
def test_wrong_folders_of_images(what: str, workspace: Path, capsys):
    run_stages(workspace, prepare)
    IMAGE_FOLDERS[what](workspace)
    assert_refused(what, workspace, prepare.main, capsys)


@pytest.mark.parametrize("what", UNSEEN)
def test_folders_of_images_that_dvc_does_not_see_whole(what: str, workspace: Path, capsys):
    check.main()
    UNSEEN[what](workspace)
    assert_refused(what, workspace, check.main, capsys)
    with pytest.raises(UserError, match=f"^{documented()[what][0]}$"):  # where check does not run
        prepare.main()


def test_a_redirected_download_is_followed(workspace: Path, mirror):
    served("elsewhere")(workspace)
    write_params(workspace, batch_size=8)
    prepare.main()
    assert len(list(Path("data/raw").iterdir())) == 4


@pytest.mark.parametrize("what", MODELS)
def test_wrong_models(what: str, complete: Path, capsys):
    MODELS[what](complete)
    assert_refused(what, complete, evaluate.main, capsys)


@pytest.mark.parametrize("what", PREPARED)
def test_wrong_prepared_images(what: str, complete: Path, capsys):
    PREPARED[what](complete)
    assert_refused(what, complete, train.main, capsys)


@pytest.mark.parametrize("what", TABLES)
def test_wrong_tables(what: str, complete: Path, capsys):
    TABLES[what](complete)
    assert_refused(what, complete, plot.main, capsys)


@pytest.mark.parametrize("what", TRAINING)
def test_a_loss_that_is_not_finite(what: str, complete: Path, capsys, monkeypatch):
    TRAINING[what](complete)
    shutil.rmtree(STORE)
    if "later" in what:  # no learning rate does it at the same epoch on every machine
        real = epochs.epoch_runner

        def diverging(*arguments: object) -> Callable:
            run_epoch = real(*arguments)
            return lambda epoch: run_epoch(epoch) | ({"val_loss": float("nan")} if epoch == 1 else {})

        monkeypatch.setattr(epochs, "epoch_runner", diverging)
    assert_refused(what, complete, train.main, capsys)
    for output in ("models", "metrics", "plots"):
        shutil.rmtree(complete / output)
    with pytest.raises(SystemExit):
        run(train.main)
    left = [path.name for path in (complete / "models").iterdir()]
    assert left == [STORE.name]  # where DVC has deleted the old one, none is left


def test_every_case_is_tried_here_or_by_the_machine():
    tried = [*PARAMS, *DATA, *IMAGE_FOLDERS, *UNSEEN, *MODELS, *PREPARED, *TABLES, *TRAINING]
    assert len(set(tried)) == len(tried)
    assert set(tried) <= documented().keys()
    by_the_machine = documented().keys() - set(tried)
    assert by_the_machine <= texts_in([ROOT / "tests/pipeline/test_machine.py"])  # importing it would start a process
