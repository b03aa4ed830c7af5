"""Warns of files that look like budget files and are not collected."""

import os
import warnings
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.lookalikes import (
    files_below,
    is_of_others,
    is_skipped,
    looks_like_budget,
    misnamed,
    skipped,
)


def warn_of_name(file: Path, config: pytest.Config) -> None:
    """Warn that the name of ``file`` looks like that of a budget file, and is not."""
    if looks_like_budget(file.name) and _is_searched(file, config):
        text = misnamed(_shown(file, config), config.getini("modelbudget_files"))
        _warn(text, file, config)


def warn_of_folder(folder: Path, config: pytest.Config) -> None:
    """Warn of each budget file in ``folder``, which pytest skips."""
    if not is_skipped(folder.name, config.getini("norecursedirs")):
        return
    if is_of_others(folder) or _is_ignored_on_purpose(folder, config):
        return
    if not folder.is_dir() or not _is_searched(folder, config):
        return
    for file in files_below(folder):
        _warn(skipped(_shown(file, config), _shown(folder, config)), file, config)


def _is_searched(path: Path, config: pytest.Config) -> bool:
    """Return whether pytest was given a directory above ``path``.

    pytest asks for the neighbours of a file that it was given, too.
    """
    given = [Path(os.path.abspath(config.invocation_params.dir / arg)) for arg in config.args]
    return any(path.is_relative_to(each) and each.is_dir() for each in given)


def _is_ignored_on_purpose(folder: Path, config: pytest.Config) -> bool:
    here = config.invocation_params.dir
    paths = config.getoption("ignore") or []
    globs = config.getoption("ignore_glob") or []
    return any((here / path).resolve() == folder.resolve() for path in paths) or any(
        fnmatch(str(folder), str(here / glob)) for glob in globs
    )


def _warn(text: str, file: Path, config: pytest.Config) -> None:
    """Warn once; where warnings are errors, raise one that pytest shows without a traceback."""
    if getattr(config, "workerinput", {}).get("workerid", "gw0") != "gw0":
        return  # each xdist worker collects all files
    try:
        warnings.warn_explicit(pytest.PytestCollectionWarning(text), None, str(file), 1)
    except pytest.PytestCollectionWarning as warning:
        raise pytest.Collector.CollectError(str(warning)) from None


def _shown(path: Path, config: pytest.Config) -> str:
    here = config.invocation_params.dir
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
