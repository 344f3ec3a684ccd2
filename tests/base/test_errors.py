"""Errors for the person at the keyboard: one line, and a code."""

import pytest

from stages.base.errors import DataUnreachable, ProjectError, UserError, one_line


def test_a_message_is_one_line_and_no_longer_than_anyone_reads():
    assert one_line("a\n  b\t c") == "a b c"
    assert one_line("x" * 200) == "x" * 200
    assert one_line("x" * 201) == f"{'x' * 200} ..."


@pytest.mark.parametrize(("error", "code"), [(ProjectError, 1), (UserError, 2), (DataUnreachable, 3)])
def test_each_kind_has_its_exit_code(error: type[ProjectError], code: int):
    assert error("why").exit_code == code
    assert issubclass(error, ProjectError)
