"""The files, modules, variables and packages around a project, as they are now."""

import hashlib
import importlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Literal

from pytest_modelbudget.budgetfile.depends_on import files_of
from pytest_modelbudget.protocol.dependencies import (
    ALL_VARIABLES,
    PROJECT_PATH,
    Dependencies,
    EnvironmentVariable,
    FileStamp,
    ModuleOrigin,
    Package,
    PathState,
    Presence,
)
from pytest_modelbudget.protocol.digests import digest, file_digest
from pytest_modelbudget.protocol.installed import is_installed, version_of
from pytest_modelbudget.protocol.project import Project

INSTALLED = "installed"
"""The origin of a module that is known by the version of its package."""

OF_PYTEST = "PYTEST_CURRENT_TEST"
"""The environment variable with which pytest names the test that runs."""

# They come and go with every run.
NOT_LISTED = ("__pycache__", ".pytest_cache")


class Surroundings:
    """What results depend on, around one project.

    Args:
        project: Where its files and modules are.
        environ: The environment variables.
        own: Folders of this plugin, which no listing of the user's code depends on.
    """

    def __init__(self, project: Project, environ: Mapping[str, str], own: Sequence[Path]) -> None:
        self.project = project
        self._environ = environ
        self.own = tuple(map(str, own))
        importlib.invalidate_caches()  # they take a folder for unchanged within one tick
        self._known: dict[tuple[str, FileStamp], str] = {}

    @property
    def working_folder(self) -> str:
        """Where relative paths begin, as ``Dependencies`` has it."""
        return self.project.portable(self.project.working_folder)

    def first_change(self, dependencies: Dependencies) -> str:
        """Return what is first found to be different now, in words; empty if nothing is."""
        return next(self._changes(dependencies), "")

    def _changes(self, dependencies: Dependencies) -> Iterator[str]:
        if dependencies.working_folder not in ("", self.working_folder):
            yield f"the working directory was {dependencies.working_folder}"
        files, folders = dependencies.files, dependencies.folders
        modules, variables = dependencies.modules, dependencies.variables
        yield from (f"{each.path} changed" for each in files if not self._is_same(each, self.file))
        yield from (
            f"the files in the folder {each.path} changed"
            for each in folders
            if not self._is_same(each, self.folder)
        )
        yield from (
            f"{each.path} exists now"
            if not each.kind
            else f"{each.path} is no longer a {each.kind}"
            for each in dependencies.presences
            if self.presence(each.path) != each
        )
        yield from (
            f"the module {each.name} is found elsewhere"
            for each in modules
            if self.module(each.name, each.where) != each
        )
        yield from (
            "the environment variables changed"
            if each.name == ALL_VARIABLES
            else f"the environment variable {each.name} changed"
            for each in variables
            if self.variable(each.name) != each
        )
        yield from (
            f"{each.name} is no longer {each.version}"
            for each in dependencies.packages
            if self.package(each.name) != each
        )

    def file(self, path: str) -> PathState:
        """Return the state of a file.

        Args:
            path: Absolute, or relative to rootdir.
        """
        return self._state(path, file_digest)

    def folder(self, path: str) -> PathState:
        """Return the state of a folder: the names in it."""
        return self._state(path, self._names)

    def presence(self, path: str) -> Presence:
        """Return whether there is a file or folder at ``path``."""
        whole = self.absolute(path)
        kind: Literal["file", "folder", ""] = "file" if os.path.lexists(whole) else ""
        return Presence(path=path, kind="folder" if whole.is_dir() else kind)

    def module(self, name: str, where: Sequence[str]) -> ModuleOrigin:
        """Look for a module as an import statement would, and return where it is.

        Args:
            name: Its full name.
            where: The folders to search.
        """
        folders: list[str] = []
        for each in where:
            folders += (
                self.project.search_path if each == PROJECT_PATH else [str(self.absolute(each))]
            )
        return ModuleOrigin(name=name, where=tuple(where), origin=self.origin(_spec(name, folders)))

    def variable(self, name: str) -> EnvironmentVariable:
        """Return the state of an environment variable, without its value."""
        if name == ALL_VARIABLES:
            names = sorted(set(self._environ) - {OF_PYTEST})
            return EnvironmentVariable(name=name, sha256=_sha256(os.fsencode("\n".join(names))))
        value = self._environ.get(name)
        return EnvironmentVariable(
            name=name, sha256="" if value is None else _sha256(os.fsencode(value))
        )

    def package(self, name: str) -> Package:
        """Return the installed version of a package."""
        return _package(name)

    def origin(self, spec: ModuleSpec | None) -> str:
        """Return where a module was found, as ``ModuleOrigin`` has it."""
        if spec is None:
            return ""
        if not spec.has_location or spec.origin is None:
            folders = [*(spec.submodule_search_locations or ())]  # none if built into Python
            if all(map(is_installed, folders)):
                return INSTALLED
            return os.pathsep.join(map(self.project.portable, folders))  # a namespace package
        folder = os.path.dirname(os.path.abspath(spec.origin))
        return INSTALLED if is_installed(folder) else self.project.portable(spec.origin)

    def absolute(self, path: str) -> Path:
        """Return the absolute path of a portable one."""
        return self.project.rootdir / path

    def _is_same(self, then: PathState, state: Callable[[str], PathState]) -> bool:
        if then.stamp and then.stamp == stamp_of(self.absolute(then.path)):
            return True
        return state(then.path).sha256 == then.sha256

    def _state(self, path: str, content: Callable[[Path], str]) -> PathState:
        whole = self.absolute(path)
        stamp = stamp_of(whole)
        if stamp is None:
            return PathState(path=path, sha256="")
        if (path, stamp) in self._known:
            return PathState(path=path, sha256=self._known[path, stamp], stamp=stamp)
        try:
            sha256 = content(whole)
        except OSError:
            return PathState(path=path, sha256="")
        if not stamp.is_reliable():
            return PathState(path=path, sha256=sha256)
        self._known[path, stamp] = sha256
        return PathState(path=path, sha256=sha256, stamp=stamp)

    def _names(self, path: Path) -> str:
        names = sorted(
            os.fsencode(entry.name) + (b"/" if entry.is_dir() else b"")
            for entry in os.scandir(path)
            if entry.name not in NOT_LISTED and entry.path not in self.own
        )
        return _sha256(b"\0".join(names))


def stamp_of(path: Path) -> FileStamp | None:
    """Return the stamp of the file or folder at ``path``; None if there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return FileStamp(
        size=found.st_size if stat.S_ISREG(found.st_mode) else 0,
        inode=found.st_ino,
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
    )


def state_of(entries: Iterable[str], directory: Path) -> str:
    """Return a digest of the names and stamps of the files that entries of ``depends_on`` name."""
    files = sorted({file for entry in entries for file in files_of(entry, directory)})
    stamps = [(str(file), stamp_of(file)) for file in files]
    return digest([(name, stamp and stamp.model_dump()) for name, stamp in stamps])


@cache
def _package(name: str) -> Package:
    return Package(name=name, version=version_of(name))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _spec(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    """Look for a module in ``folders``, then as an editable installation of it offers it."""
    try:
        for finder in sys.meta_path:
            if finder is PathFinder:
                spec = PathFinder.find_spec(name, folders)
            elif type(finder).__module__.startswith("_pytest."):
                continue  # it would rewrite assertions
            else:
                spec = _other_finder(finder, name, folders)
            if spec is not None:
                return spec
    except (ImportError, AttributeError, ValueError):
        return None
    return None


def _other_finder(finder: Any, name: str, folders: Sequence[str]) -> ModuleSpec | None:
    found: ModuleSpec | None = finder.find_spec(name, list(folders) if "." in name else None)
    return found
