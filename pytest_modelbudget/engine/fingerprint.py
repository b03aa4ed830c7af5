"""Digests of the user's own code and files as they are now, without importing them."""

import ast
import glob
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from pytest_modelbudget.budgetfile.types import CallSource, Source
from pytest_modelbudget.protocol.store import digest, file_digest

TENSORFLOW = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}
INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Fingerprint:
    """``sha256`` changes with the content; ``tensorflow``: reading the source imports it."""

    sha256: str
    tensorflow: bool = False


class Fingerprints:
    """The fingerprints of one session; each module and source is read once.

    Args:
        search_path: Where modules are found, in order, as in the workers.
    """

    def __init__(self, search_path: tuple[str, ...]) -> None:
        self._search_path = search_path
        self._sources: dict[str, Fingerprint] = {}
        self._modules: dict[str, tuple[str, tuple[str, ...]] | None] = {}

    def of_source(self, source: Source) -> Fingerprint:
        """Fingerprint a callable by its module and what that imports, a file by its bytes."""
        name = source.model_dump_json()
        if name not in self._sources:
            self._sources[name] = self._read_source(source)
        return self._sources[name]

    def of_modules(self, names: Iterable[str]) -> Fingerprint:
        """Fingerprint project modules together with every project module they import."""
        files: dict[str, str] = {}
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            for name in _with_parents(waiting.pop()):
                if name in reached:
                    continue
                reached.add(name)
                if module := self._read_module(name):
                    files[name], imported = module
                    waiting.extend(imported)
        top_level = {name.partition(".")[0] for name in reached}
        return Fingerprint(digest(files), bool(top_level & TENSORFLOW))

    def _read_source(self, source: Source) -> Fingerprint:
        if isinstance(source, CallSource):
            code = self.of_modules([source.module])
            return Fingerprint(digest([source.call, source.args, code.sha256]), code.tensorflow)
        return Fingerprint(digest(_tree_digest(source.path)))

    def _read_module(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        if name not in self._modules:
            path = _project_file(name, self._search_path)
            found = (file_digest(path), tuple(_imports(path, name))) if path else None
            self._modules[name] = found
        return self._modules[name]


def of_globs(patterns: Iterable[str], directory: Path) -> str:
    """Return a digest of the files that ``patterns``, relative to ``directory``, match now.

    Names count as they are relative to ``directory``, so that checkouts may lie anywhere.
    """
    names = {
        name
        for pattern in patterns
        for name in glob.glob(pattern, root_dir=directory, recursive=True)
        if (directory / name).is_file()
    }
    return digest([(name, file_digest(directory / name)) for name in sorted(names)])


def _tree_digest(path: Path) -> list[tuple[str, str]]:
    """List the files of a path that is a file or a folder, by relative name and digest."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return [(str(file.relative_to(path)), file_digest(file)) for file in files]
    return [(path.suffix, file_digest(path))] if path.is_file() else []


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _is_installed(path: Path) -> bool:
    """Tell whether code is known by its version, not by its bytes.

    It may lie in a ``site-packages`` of another environment: the system's, or the user's.
    """
    paths = sysconfig.get_paths()
    standard = {Path(paths[name]).resolve() for name in ("stdlib", "platstdlib")}
    return not INSTALLED.isdisjoint(path.parts) or any(map(path.is_relative_to, standard))


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
    path = Path(spec.origin).resolve()
    return None if path.suffix != ".py" or _is_installed(path) else path


def _imports(path: Path, name: str) -> Iterator[str]:
    """Yield the module names that a source file imports anywhere; none if it does not parse."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
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
