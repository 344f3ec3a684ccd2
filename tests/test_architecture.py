"""Imports go one way, and tests have the folders of the code."""

from graphlib import TopologicalSorter
from pathlib import Path

from tests.support.sources import imports
from tests.support.workspace import ROOT

ORDER = ("base", "data", "training", "evaluation", "report")  # in stages/
LEVELS = (*ORDER, "stage", "tools", "seeds", "study", "benchmarks")
FOLDERS = ("stages", "tools", "seeds", "study", "benchmarks")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))


def package(path: Path) -> str:
    """Return the package of a file; a stage script is a "stage"."""
    first, *rest = path.relative_to(ROOT).parts
    return first if first != "stages" else rest[0] if len(rest) > 1 else "stage"


def test_a_file_imports_only_from_its_own_package_and_those_before_it():
    for file in FILES:
        for imported in imports(file).keys() - {ROOT / "stages/__init__.py"}:
            assert LEVELS.index(package(imported)) <= LEVELS.index(package(file)), (file, imported)
            assert {package(imported), package(file)} != {"study", "benchmarks"}, (file, imported)


def test_no_module_imports_itself_through_others():
    TopologicalSorter({file: imports(file).keys() for file in FILES}).prepare()
