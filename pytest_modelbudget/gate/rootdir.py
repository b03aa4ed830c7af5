"""Pytest's rootdir: where it comes from, and options that have moved it."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest


def refuse_moved_rootdir(config: pytest.Config) -> None:
    """Refuse the options of this plugin that pytest took for paths of tests.

    Pytest chooses rootdir before it knows the options of plugins. The value of such an option
    counts as a path of tests if it is a word of its own and exists; a directory that the option
    makes does so from the second session on. Modules, the ini file and the cache are then
    searched for in the wrong folder: https://github.com/pytest-dev/pytest/issues/8846

    Raises:
        pytest.UsageError: If that has moved rootdir.
    """
    if config.option.rootdir or config.option.inifilename:
        return
    tests = _common_folder(config)
    is_found = config.inipath or (config.rootpath / "setup.py").is_file()
    if config.rootpath == tests or (is_found and tests.is_relative_to(config.rootpath)):
        return
    for name, value in _values(config):
        path = Path(os.path.abspath(config.invocation_params.dir / value))
        if value in _words(config) and path.exists() and not path.is_relative_to(tests):
            raise pytest.UsageError(
                f"{name} {value} has moved rootdir to {config.rootpath}, because pytest takes "
                f"{value} for a path of tests; write {name}={value}"
            )


def rootdir_with_reason(config: pytest.Config) -> str:
    """Return which rootdir pytest has chosen and why, as a sentence."""
    rootdir, ini = config.rootpath, config.inipath
    if config.option.rootdir:
        return f"rootdir is {rootdir}, which --rootdir names"
    if ini and ini.parent == rootdir:
        return f"rootdir is {rootdir}, the folder of {ini.name}"
    if (rootdir / "setup.py").is_file():
        return f"rootdir is {rootdir}, the folder of setup.py"
    folder = config.invocation_params.dir
    words = [word for word in _words(config) if (folder / word.partition("::")[0]).exists()]
    arguments = "".join(f", {word}" for word in words if not word.startswith("-"))
    return (
        f"rootdir is {rootdir}, the common folder of the working directory{arguments}; "
        "pytest found no ini file"
    )


def _words(config: pytest.Config) -> list[str]:
    """Return the words that pytest takes for options and paths when it chooses rootdir."""
    return [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *config.invocation_params.args]


def _values(config: pytest.Config) -> Iterator[tuple[str, str]]:
    """Yield the options of this plugin that were given with a text."""
    for name, value in vars(config.option).items():
        if name.startswith("budget_") and isinstance(value, str):
            yield f"--{name.replace('_', '-')}", value


def _common_folder(config: pytest.Config) -> Path:
    """Return the common folder of the working directory and of the paths of tests."""
    folder = config.invocation_params.dir
    paths = (folder / argument.partition("::")[0] for argument in config.args)
    folders = [os.path.abspath(path if path.is_dir() else path.parent) for path in paths]
    return Path(os.path.commonpath([folder, *folders]))
