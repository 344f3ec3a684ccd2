"""The house: an import goes from a package to one on its left, never to the right; and nobody climbs back."""

import ast
from graphlib import TopologicalSorter

import pytest

from tests.support.sources import imports
from tests.support.workspace import ROOT

ORDER = ("base", "data", "training", "evaluation", "report", "experiments", "commands")
ABOVE = ("study", "benchmarks")  # on top, beside each other
FILES = sorted(file for folder in ("stages", *ABOVE) for file in (ROOT / folder).rglob("*.py") if not file.is_symlink())


def package(path) -> str:
    """The package of a file: of stages/ the folder in it, the stage scripts being none."""
    first, *rest = path.relative_to(ROOT).parts
    return first if first in ABOVE else rest[0] if len(rest) > 1 else "a stage"


def allowed(package_of_the_file: str) -> set[str]:
    if package_of_the_file in ORDER:
        below = set(ORDER[: ORDER.index(package_of_the_file) + 1])
        return below | ({"a stage"} if package_of_the_file == "commands" else set())
    return {*ORDER, package_of_the_file} - ({"commands"} if package_of_the_file == "a stage" else set())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_an_import_goes_to_the_left(file):
    for imported in imports(file):
        if imported != ROOT / "stages/__init__.py":
            assert package(imported) in allowed(package(file)), imported


def test_every_folder_is_a_package_with_a_place_in_the_order():
    assert {path.parent.name for path in (ROOT / "stages").glob("*/*.py")} == set(ORDER)


def test_no_module_imports_itself_through_others():
    TopologicalSorter({file: imports(file).keys() for file in FILES}).prepare()


def test_no_two_rooms_have_the_same_name():
    names = [file.stem for file in FILES if not file.stem.startswith("__") and package(file) != "commands"]
    assert sorted(set(names)) == sorted(names)


def test_the_tests_stand_where_the_packages_do():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {*ORDER, *ABOVE, "docs", "pipeline", "support"}


UNSAFE = {"pickle", "cPickle", "_pickle", "dill", "shelve", "marshal", "joblib.load"}  # imported
UNSAFE |= {"eval", "exec", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load", "yaml.load"}  # and called
UNSAFE |= {"keras.config.enable_unsafe_deserialization", "keras.saving.enable_unsafe_deserialization"}
WORDS = {"shell": "False", "allow_pickle": "False", "safe_mode": "True"}  # what may be said of them, if anything


def unsafe(source: str) -> list[str]:
    """Where a source would make code of what it reads: SECURITY.md says that none does."""
    found = []
    for node in ast.walk(ast.parse(source)):
        said = []
        if isinstance(node, ast.Import):
            said = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            said = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        elif isinstance(node, ast.Call) and [ast.unparse(each) for each in node.args[1:]] != ["yaml.CSafeLoader"]:
            said = [ast.unparse(node.func)]
        elif isinstance(node, ast.keyword) and ast.unparse(node.value) != WORDS.get(node.arg, ast.unparse(node.value)):
            found.append(f"line {node.value.lineno}: {node.arg}={ast.unparse(node.value)}")
        found += [f"line {node.lineno}: {each}" for each in said if each in UNSAFE]
    return found


@pytest.mark.parametrize(
    "file", [*FILES, *ROOT.glob(".github/*.py")], ids=lambda file: file.relative_to(ROOT).as_posix()
)
def test_no_file_makes_code_of_what_it_reads(file):
    assert unsafe(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "from os import system", "import dill", "eval(text)", "exec(text)",
        "os.system('ls')", "subprocess.run('ls', shell=True)", "np.load(path, allow_pickle=True)", "yaml.load(text)",
        "load_model(path, safe_mode=False)", "keras.config.enable_unsafe_deserialization()", "from joblib import load",
    ],
)  # fmt: skip
def test_each_way_to_do_so_would_be_seen(line):
    assert unsafe(line)
