"""What the tests of the documents read in a text."""

import json
import re

import pytest

from stages.base.params import read_params
from tests.support.workspace import ROOT, params

DESCRIBED = 0.34344691038131714  # validation loss of the run that the documents describe
describes_this_run = pytest.mark.skipif(
    read_params(ROOT / "params.yaml") != params()
    or json.loads((ROOT / "metrics/train.json").read_text(encoding="utf-8"))["val_loss"] != DESCRIBED,
    reason="the documents describe another run",
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(text: str) -> list[str]:
    """Return the commands and names in a text: between backticks, and in blocks without their comments."""
    blocks = re.findall(r"(?ms)^```(?:bash|python)\n(.*?)^```$", text)
    prose = re.sub(r"(?ms)^```.*?^```$", "", text)
    lines = [*"".join(blocks).splitlines(), *re.findall(r"(?m)^    +(\S.*)$", prose)]
    return sorted([*re.findall(r"`([^`\n]+)`", prose), *(re.split(r" +# ", line)[0] for line in lines)])


def numbers(text: str) -> list[str]:
    """Return the numbers with a decimal point, with their signs."""
    return sorted(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w])", text, re.ASCII))


def links(text: str) -> list[str]:
    """Return what a text links to, without headings; the page of the other language counts as the same."""
    targets = {target.partition("#")[0].replace(".ko.md", ".md") for target in re.findall(r"\]\(([^)]+)\)", text)}
    return sorted(targets)
