"""Tells the user's own code from code that is known by the version of its package."""

import csv
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from inspect import getmodulename
from pathlib import Path

SITE_PACKAGES = frozenset({"site-packages", "dist-packages"})


@cache
def is_installed(folder: str) -> bool:
    """Tell whether code in ``folder`` (an absolute path) is known by its version.

    It is if it belongs to Python, or to a package that was installed from an index. A package
    that was installed from a folder or a repository (PEP 610) may change under one version.
    """
    path = Path(folder).resolve()
    for site in _sites():
        if path.is_relative_to(site):
            return path.relative_to(site).parts[:1] not in _installed_from_source()
    in_other_environment = not SITE_PACKAGES.isdisjoint(path.parts)
    return not in_other_environment and any(map(path.is_relative_to, _standard_library()))


@cache
def _sites() -> tuple[Path, ...]:
    """Return where the packages of this environment are installed."""
    return tuple(Path(path).resolve() for path in sys.path if Path(path).name in SITE_PACKAGES)


@cache
def holds_installed(folder: str) -> bool:
    """Tell whether packages are installed somewhere below ``folder`` (an absolute path)."""
    return any(site.is_relative_to(folder) for site in (*_sites(), *_standard_library()))


@cache
def _standard_library() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


@cache
def _installed_from_source() -> frozenset[tuple[str, ...]]:
    return frozenset(
        Path(str(file)).parts[:1]
        for package in metadata.distributions()
        if package.read_text("direct_url.json")
        for file in package.files or ()
        if file.suffix in (".py", ".so")
    )


@cache
def version_of(package: str) -> str:
    """Return the version of a package in ``site-packages``; empty if it is not there.

    The import of setuptools adds a folder of other packages to the search path.
    """
    return version_in(package, [str(site) for site in _sites()])


def version_in(package: str, folders: Iterable[str]) -> str:
    """Return the version of the first package of this name in ``folders``; empty without one."""
    return next(iter(headers_in(package, folders, "Version")), "")


def headers_in(package: str, folders: Iterable[str], name: str) -> list[str]:
    """Return what the metadata of the first package of this name in ``folders`` has as ``name``.

    ``importlib.metadata.metadata`` takes four times as long, because it parses the description too.
    """
    for found in metadata.distributions(name=package, path=list(folders)):
        if _headers(found, "Version"):
            return _headers(found, name)
    return []


def _headers(package: metadata.Distribution, name: str) -> list[str]:
    text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
    headers = text.partition("\n\n")[0]
    return [each.strip() for each in re.findall(rf"^{name}: *(\S.*)$", headers, re.MULTILINE)]


@cache
def packages_of_modules() -> dict[str, tuple[str, ...]]:
    """Return the packages that each top-level module name comes from.

    ``importlib.metadata.packages_distributions`` takes 0.4 s where this takes 0.05: it also looks
    whether each file is there.
    """
    found: dict[str, set[str]] = {}
    for package in metadata.distributions():
        for module in _top_level(package):
            found.setdefault(module, set()).update(_headers(package, "Name"))
    return {module: tuple(sorted(packages)) for module, packages in found.items()}


def _top_level(package: metadata.Distribution) -> set[str]:
    """Return the names that a package declares, or else those of its folders and modules."""
    if declared := (package.read_text("top_level.txt") or "").split():
        return set(declared)
    if record := package.read_text("RECORD"):
        paths = [row[0] for row in csv.reader(record.splitlines()) if row]
    else:
        paths = [str(path) for path in package.files or ()]
    parts = [path.partition("/") for path in paths]
    names = {top if below else getmodulename(top) or top for top, _, below in parts}
    return {name for name in names if "." not in name}


def loaded_packages() -> set[str]:
    """Return the packages of all modules that are loaded."""
    modules = {name.partition(".")[0] for name in sys.modules}
    of_modules = packages_of_modules()
    return {package for module in modules for package in of_modules.get(module, ())}


def loaded_libraries() -> set[str]:
    """Return the paths of the extension modules that are loaded, and of what they loaded."""
    with open("/proc/self/maps") as maps:
        paths = {line.rstrip("\n").partition("/")[2] for line in maps}  # many lines a library
    return {f"/{path}" for path in paths if path.endswith(".so") or ".so." in path}


def look_up() -> None:
    """Find out once what is installed, before any code of the user's changes the search path."""
    packages_of_modules()
    _sites()
    _installed_from_source()


def look_up_loaded() -> None:
    """Find out what is loaded: each process that is forked from now on would do so again."""
    for package in loaded_packages():
        version_of(package)
    for library in loaded_libraries():
        is_installed(os.path.dirname(library))
