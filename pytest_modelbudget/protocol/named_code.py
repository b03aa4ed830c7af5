"""Finds the modules and callables that a budget file names, by reading, without an import.

Only what is certain is called missing. Where code could have changed what is found, the worker
process tells when it imports the module.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from pkgutil import iter_modules

from pytest_modelbudget.budgetfile.lookalikes import is_of_others
from pytest_modelbudget.protocol.installed import is_installed
from pytest_modelbudget.protocol.module_source import ModuleSource
from pytest_modelbudget.units.invalid import closest

_MOST_FOLDERS = 20_000  # a walk through more would take seconds


def import_folder(budget_file: Path) -> str:
    """Return the folder that the modules beside a budget file are imported from.

    Those come first, as pytest has it for a test file: two budget files may each have their own
    ``data.py``.
    """
    folder = budget_file.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return str(folder)


class NamedCode:
    """The modules of a budget file.

    Args:
        search_path: Where modules are searched for; the folder of the budget file comes first.
        root: The folder of the project. Modules anywhere below it may be found when tests run,
            because pytest adds folders of tests to ``sys.path``.
        about_root: A sentence about ``root``, for the error of a module that is not found.
    """

    def __init__(self, search_path: Iterable[str], root: Path, about_root: str = "") -> None:
        self._search_path = list(dict.fromkeys(search_path))
        self._root = root
        self._about_root = about_root
        # Most variants of a file name the same.
        self._answers: dict[tuple[str, tuple[str, ...]], tuple[str, str] | None] = {}

    def missing(self, reference: str, imports: Sequence[str]) -> tuple[str, str] | None:
        """Return what of ``reference`` is certainly missing, and what to write instead.

        Args:
            reference: ``package.module``, or ``package.module:callable``.
            imports: The modules that are imported before.
        """
        asked = (reference, tuple(imports))
        if asked not in self._answers:
            self._answers[asked] = self._look_for(reference, imports)
        return self._answers[asked]

    def _look_for(self, reference: str, imports: Sequence[str]) -> tuple[str, str] | None:
        name, _, attribute = reference.partition(":")
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return None
        if PathFinder.find_spec(top, self._search_path):
            found = self._lacks(name, attribute, self._search_path)
            return found if found and self._is_certain(top) else None
        if any(finder.find_spec(top, None) for finder in sys.meta_path):
            return None
        below = self._folders_with(top)
        if below is None or len(below) > 1 or self._path_changes(imports):
            return None
        return self._lacks(name, attribute, below) if below else self._not_found(top)

    def _lacks(
        self, name: str, attribute: str, search_path: Sequence[str]
    ) -> tuple[str, str] | None:
        """Return what a module lacks, or which part of its name was not found."""
        where, found, package = list(search_path), "", None
        for part in name.split("."):
            spec = PathFinder.find_spec(part, where)
            if spec is None:
                is_open = package is not None and ModuleSource(package).may_add_modules()
                return None if is_open else _no_module(f"{found}.{part}", where, f"{found}.")
            where = list(spec.submodule_search_locations or ())
            package = Path(os.path.abspath(spec.origin)) if spec.origin else None
            if package and (package.suffix != ".py" or is_installed(str(package.parent))):
                return None
            found = f"{found}.{part}" if found else part
        first = attribute.partition(".")[0]
        if package is None or not first or PathFinder.find_spec(first, where):
            return None
        return _no_name(name, package, first)

    def _is_certain(self, top: str) -> bool:
        """Return whether no other module of the name could be found first when tests run."""
        if PathFinder.find_spec(top, self._search_path[:1]):
            return True
        below = self._folders_with(top)
        return below is not None and set(below) <= set(self._search_path)

    def _path_changes(self, imports: Sequence[str]) -> bool:
        """Return whether ``sys.path`` may be another one when the module is imported."""
        ran = _conftests()
        files = [file for file in self._root.rglob("conftest.py") if str(file) not in ran]
        for name in imports:
            spec = PathFinder.find_spec(name.partition(".")[0], self._search_path)
            files += [Path(spec.origin)] if spec and spec.origin else []
        return any(ModuleSource(file).may_change_path() for file in files)

    def _folders_with(self, top: str) -> list[str] | None:
        """Return the folders below root that have a module; None if there are too many folders."""
        found = []
        for count, (folder, folders, files) in enumerate(os.walk(self._root)):
            if count > _MOST_FOLDERS:
                return None
            if top in folders or any(file.partition(".")[0] == top for file in files):
                found += [folder] if PathFinder.find_spec(top, [folder]) else []
            folders[:] = [name for name in folders if not is_of_others(Path(folder, name))]
        return found

    def _not_found(self, top: str) -> tuple[str, str]:
        own = [path for path in self._search_path if _is_own(path)]
        what, hint = _no_module(top, own, "")
        return what, "; ".join(filter(None, [hint, self._about_root]))


def _no_module(name: str, places: Sequence[str], prefix: str) -> tuple[str, str]:
    near = closest(name, (prefix + module.name for module in iter_modules(list(places))))
    hint = f"did you mean {near}?" if near else f"modules are searched for in {', '.join(places)}"
    return f"module {name} was not found", hint


def _no_name(module: str, path: Path, name: str) -> tuple[str, str] | None:
    source = ModuleSource(path)
    if source.may_define(name):
        return None
    names = source.callables()
    near = closest(name, names)
    it_has = f"{path} has {', '.join(names[:8])}" if names else f"define it in {path}"
    return f"module {module} has no {name}", f"did you mean {near}?" if near else it_has


def _conftests() -> set[str]:
    """Return the ``conftest.py`` files that pytest has run."""
    modules = dict(sys.modules).items()
    return {
        str(getattr(module, "__file__", ""))
        for name, module in modules
        if name.endswith("conftest")
    }


def _is_own(path: str) -> bool:
    return os.path.exists(path) and not is_installed(os.path.abspath(path))
