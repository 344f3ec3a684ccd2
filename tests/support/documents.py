"""The documents of the project, read as text, and the wrong inputs that are tried."""

import functools
import re
from pathlib import Path

import yaml

from tests.support.workspace import ROOT

WRONG_INPUTS = Path(__file__).with_name("wrong_inputs.yaml")


@functools.cache
def documented() -> dict[str, tuple[str, int, str]]:
    """The cases of wrong_inputs.yaml: what is wrong -> a pattern for the line, the code, what `dvc repro` leaves."""
    return {
        what: (re.escape(case["line"]).replace("…", ".+"), case["code"], group["left"])
        for group in yaml.safe_load(WRONG_INPUTS.read_text(encoding="utf-8")).values()
        for what, case in group["cases"].items()
    }


def missing(what: str, line: str, code: int) -> str:
    """What to say of a case that is not there: its record."""
    case = {what: {"code": code, "line": line}}
    record = yaml.safe_dump(case, default_flow_style=None, allow_unicode=True, width=10**6, sort_keys=False)
    return f"add to {WRONG_INPUTS.relative_to(ROOT)}:\n    {record}"


def tables(text: str) -> list[list[str]]:
    """The numbers in each row of a table."""
    rows = re.findall(r"(?m)^\|.*\d.*\|$", text)
    return [re.findall(r"-?\d+(?:[.,]\d+)*", row) for row in rows]
