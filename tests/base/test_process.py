"""Exit codes, messages and signals of a stage."""

import os
import signal
from contextlib import suppress

import pytest

from stages.base.errors import DataUnreachable, ProjectError, UserError, one_line
from stages.base.process import outputs, run

pytestmark = pytest.mark.usefixtures("handlers")


def fails(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "keyword"),
    [
        (ProjectError("changed"), 1, "changed"),
        (UserError("params.yaml: dropout"), 2, "params.yaml: dropout"),
        (DataUnreachable("no network", "Copy the files"), 3, "no network. Copy the files"),
        (PermissionError(13, "Permission denied", "models/.unfinished-a"), 1, "models/a: Permission denied"),
        (KeyboardInterrupt(), 130, "Ctrl-C"),
    ],
)
def test_an_error_is_one_line_and_a_code(error: BaseException, code: int, keyword: str, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(lambda: fails(error))
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == code
    assert keyword in line


def test_dvc_users_read_that_the_results_are_those_of_the_previous_run(capsys, monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "train")
    with pytest.raises(SystemExit):
        run(lambda: fails(UserError("dropout")))
    assert "previous run" in capsys.readouterr().err


@pytest.mark.parametrize("fault", [NameError("a fault"), ValueError("a fault")])
def test_a_fault_of_the_program_keeps_its_traceback(fault: Exception):
    with pytest.raises(type(fault)):
        run(lambda: fails(fault))


def test_a_signal_that_a_library_swallows_ends_the_stage_nevertheless():
    def main() -> None:
        with outputs(), suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as stopped:
        run(main)
    assert stopped.value.code == 143


def test_a_message_is_one_line_of_bounded_length():
    assert one_line("a\n  b\t c") == "a b c"
    assert len(one_line("x" * 1_000)) < 210
