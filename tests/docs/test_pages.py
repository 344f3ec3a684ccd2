"""What the documents point to is there: files, headings, make targets, modules."""

import re
from pathlib import Path

import pytest

from tests.support.workspace import ROOT

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TARGETS = set(re.findall(r"(?m)^([a-z0-9-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_file_and_to_a_heading_in_it(page: str):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            path = (ROOT / page).parent / file if file else ROOT / page
            assert path.is_file(), target
            assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", PAGES)
def test_a_make_target_that_is_named_is_one(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^    )make ([a-z0-9-]+)", text, re.MULTILINE)) <= TARGETS


@pytest.mark.parametrize("page", PAGES)
def test_a_source_that_is_named_is_there(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:stages|study|tests|benchmarks)/[\w/.-]+)`", text):
        assert (ROOT / name).exists(), name
    for module in re.findall(r"python -m ([\w.]+\w)", text):
        if "X" not in module:
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
