"""The sources of the project, read as text."""

import ast
from collections.abc import Iterable
from pathlib import Path

from tests.support.workspace import ROOT


def file_of(module: str) -> Path | None:
    """Return the file of a module of this project, or None."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    return path if path.is_file() else None


def imports(path: Path) -> dict[Path, set[str]]:
    """Return the project's files that a file imports, anywhere in it, with the names that it takes from each."""
    found: dict[Path, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if file := file_of(node.module):
                found.setdefault(file, set()).update(name.name for name in node.names)
            modules = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            continue
        for file in filter(None, map(file_of, modules)):
            found.setdefault(file, set())
    return found


def imported_files(path: Path) -> set[Path]:
    """Return the project's files that a file imports, directly or not, and the file itself."""
    seen: set[Path] = set()
    waiting = {path}
    while waiting:
        seen.add(file := waiting.pop())
        waiting |= imports(file).keys() - seen
    return seen


def texts_in(files: Iterable[Path]) -> set[str]:
    """Return every text constant in these files."""
    return {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _names(script: Path) -> set[str]:
    return {file.relative_to(ROOT).as_posix() for file in imported_files(script)} | {"stages/__init__.py"}


def undeclared(script: Path, deps: Iterable[str]) -> set[str]:
    """Return the files that a script imports, directly or not, and that no dependency covers."""
    folders = tuple(dep for dep in deps if dep.endswith("/"))
    return {name for name in _names(script) - set(deps) if not name.startswith(folders)}


def unneeded(script: Path, deps: Iterable[str]) -> set[str]:
    """Return the sources and packages that are dependencies and that a script does not import."""
    names = _names(script)
    folders = {dep for dep in deps if dep.startswith("stages/") and dep.endswith("/")}
    files = {dep for dep in deps if dep.endswith(".py")}
    return {dep for dep in folders if not any(name.startswith(dep) for name in names)} | (files - names)
