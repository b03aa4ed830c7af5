"""What a budget names: files by their content, modules by where they are, without an import.

What those modules read is recorded while they run; see ``protocol/dependencies.py``.
"""

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path

from pytest_modelbudget.budgetfile.depends_on import files_of
from pytest_modelbudget.budgetfile.types import CallSource, Source
from pytest_modelbudget.protocol.digests import digest, file_digest
from pytest_modelbudget.protocol.installed import is_installed
from pytest_modelbudget.protocol.project import DeclaredFiles, Project
from pytest_modelbudget.protocol.surroundings import state_of

TENSORFLOW = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}


@dataclass(frozen=True)
class Fingerprint:
    """``sha256`` changes with the content; ``tensorflow``: reading the source imports it."""

    sha256: str
    tensorflow: bool = False


class Fingerprints:
    """The fingerprints of the sources of one project; each module, source and file is read once.

    Args:
        project: Where modules are found, as in the workers, and what ``depends_on`` names.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sources: dict[str, Fingerprint] = {}
        self._modules: dict[str, tuple[str, tuple[str, ...]] | None] = {}

    def of_source(self, source: Source) -> Fingerprint:
        """Fingerprint a callable by its module, a file by its bytes."""
        name = source.model_dump_json()
        if name not in self._sources:
            self._sources[name] = self._read_source(source)
        return self._sources[name]

    def of_modules(self, names: Iterable[str]) -> Fingerprint:
        """Fingerprint modules by where they are.

        ``tensorflow`` is whether one of them imports it, or a project module that they import.
        """
        found = [(name, module and module[0]) for name in names for module in [self._read(name)]]
        return Fingerprint(digest(found), not self._reached(names).isdisjoint(TENSORFLOW))

    @cached_property
    def of_declared(self) -> str:
        """A digest of the files that ``depends_on`` names."""
        declared = self._project.depends_on
        return of_files(declared.entries, declared.folder) if declared else digest([])

    def _reached(self, names: Iterable[str]) -> set[str]:
        """Return all modules that ``names`` import, in any depth, and their parents."""
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            for name in _with_parents(waiting.pop()):
                if name in reached:
                    continue
                reached.add(name)
                if module := self._read(name):
                    waiting.extend(module[1])
        return reached

    def _read_source(self, source: Source) -> Fingerprint:
        if isinstance(source, CallSource):
            code = self.of_modules([source.module])
            return Fingerprint(digest([source.call, source.args, code.sha256]), code.tensorflow)
        return Fingerprint(digest(_tree_digest(source.path)))

    def _read(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        """Return where a module is and what it imports; None if it is not of the project."""
        if name not in self._modules:
            path = _project_file(name, self._project.search_path)
            found = (self._project.portable(path), tuple(_imports(path, name))) if path else None
            self._modules[name] = found
        return self._modules[name]


def declared_files(entries: tuple[str, ...], directory: Path) -> DeclaredFiles | None:
    """Return what ``depends_on`` names, as it is now; None if it names nothing."""
    if not entries:
        return None
    return DeclaredFiles(entries=entries, folder=directory, state=state_of(entries, directory))


def of_files(entries: Iterable[str], directory: Path) -> str:
    """Return a digest of the files that ``depends_on`` names now.

    Names count as they are relative to ``directory``, so that checkouts may lie anywhere.
    """
    files = sorted({file for entry in entries for file in files_of(entry, directory)})
    return digest([(os.path.relpath(file, directory), file_digest(file)) for file in files])


def _tree_digest(path: Path) -> list[tuple[str, str]]:
    """List the files of a path that is a file or a folder, by relative name and digest."""
    if path.is_dir():
        return [(str(file.relative_to(path)), file_digest(file)) for file in files_of(".", path)]
    # A missing file is named in the error, so each counts as a source of its own.
    return [(path.suffix, file_digest(path) if path.is_file() else f"missing: {path}")]


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _project_file(name: str, search_path: tuple[str, ...]) -> Path | None:
    """Find the source of a module, without importing its parents; None if it is installed."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None
    where = list(search_path)
    spec = None
    for part in name.split("."):  # by its full name, a namespace package needs its parents imported
        spec = PathFinder.find_spec(part, where)
        if spec is None:
            return None
        where = list(spec.submodule_search_locations or ())
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    path = Path(os.path.abspath(spec.origin))
    return None if path.suffix != ".py" or is_installed(str(path.parent)) else path


def _imports(path: Path, name: str) -> Iterator[str]:
    """Yield the module names that a source file imports anywhere.

    None for a file that does not parse, or lies in a zip: such a module may import TensorFlow in a
    process that has not done so before.
    """
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except (NotADirectoryError, SyntaxError, ValueError):
        return  # the worker will import it and say so better
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Resolve the module of a ``from`` import, relative ones against ``package``."""
    if not node.level:
        return node.module or ""
    above = package.split(".")
    base = above[: len(above) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)
