"""The documents: links, commands, sources and parameters exist, and both languages agree."""

import re
from pathlib import Path

import pytest
import yaml

from stages.base.errors import DataUnreachable, ProjectError, UserError
from tests.docs.text import ROOT, code, links, numbers, read
from tests.support.workspace import params

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TWINS = [name for name in PAGES if name.replace(".md", ".ko.md") in PAGES]
TARGETS = set(re.findall(r"(?m)^(\.?[a-z0-9/.-]+):(?!=)", read("Makefile")))


def anchors(path: Path) -> set[str]:
    """Return the headings of a page as GitHub links to them."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_file_and_to_a_heading_in_it(page: str):
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            path = (ROOT / page).parent / file if file else ROOT / page
            assert path.is_file(), target
            assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_sources_exist(page: str):
    text = read(page)
    assert set(re.findall(r"(?m)(?:`|^ *)make ([a-z0-9/.-]+)", text)) <= TARGETS
    for name in re.findall(r"`((?:stages|seeds|tools|study|tests|benchmarks)/[\w/.-]+)`", text):
        assert (ROOT / name).exists(), name
    for module in re.findall(r"python -m ((?:stages|seeds|tools|study|tests|benchmarks)[\w.]*\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


@pytest.mark.parametrize("page", PAGES)
def test_an_experiment_sets_valid_parameters(page: str):
    for command in re.findall(r"dvc exp run((?: -S [\w=.,/]+)+)", read(page)):
        changes = dict(change.split("=") for change in re.findall(r"-S (\S+)", command))
        known = {name: yaml.safe_load(value) for name, value in changes.items() if value not in ("mine", "value")}
        if {"image_dir", "image_size"} & set(known):
            known["dataset"] = "images"
        params(**known)


@pytest.mark.parametrize("page", TWINS)
@pytest.mark.parametrize("found", [code, numbers, links])
def test_both_languages_have_the_same_code_numbers_and_links(page: str, found):
    english, korean = found(read(page)), found(read(page.replace(".md", ".ko.md")))
    assert english == korean != []


def test_the_help_has_every_exit_code():
    codes = {
        int(number)
        for row in re.findall(r"(?m)^\| .+ \| ([\d, ]+) \|", read("docs/help.md"))
        for number in row.split(",")
    }
    assert codes == {ProjectError.exit_code, UserError.exit_code, DataUnreachable.exit_code, 130, 143}
