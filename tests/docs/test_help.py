"""docs/help.md: the lines that it explains are those that are printed."""

import re

import pytest

from stages.base.errors import DataUnreachable, ProjectError, UserError
from tests.support.documents import documented
from tests.support.workspace import ROOT

HELP = (ROOT / "docs/help.md").read_text(encoding="utf-8")


def rows(text: str) -> list[tuple[str, str, str, str]]:
    """What happened, the line, the code, what to do."""
    return re.findall(r"(?m)^\| (.+?) \| `(.+?)` \| (-?\d+) \| (.+) \|$", text)


def section(title: str) -> str:
    (text,) = re.findall(rf"(?ms)^## {title}\n(.+?)(?=^## |\Z)", HELP)
    return text


@pytest.mark.parametrize(("what", "line", "code", "_"), rows(HELP), ids=[what for what, *_ in rows(HELP)])
def test_a_line_that_it_explains_is_one_that_the_tests_have_seen_with_its_code(what, line, code, _):
    assert any(re.fullmatch(pattern, line) and int(code) == its for pattern, its, _ in documented().values()), line


def test_it_has_the_ten_mistakes_that_people_make():
    assert len(rows(section("The ten mistakes people make"))) == 10


def test_it_says_how_many_wrong_inputs_are_tried():
    assert f"[{len(documented())} wrong inputs]" in HELP


def test_it_explains_every_exit_code():
    codes = {int(code) for found in re.findall(r"(?m)^\| ([\d, ]+) \|", HELP) for code in found.split(", ")}
    assert {code for _, code, _ in documented().values() if code > 0} <= codes
    assert {0, ProjectError.exit_code, UserError.exit_code, DataUnreachable.exit_code} <= codes
