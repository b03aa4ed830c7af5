"""Lets one recording note what this process reads: audit events, imports, variables, libraries."""

import _posixsubprocess
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

from pytest_modelbudget.protocol.dependencies import ALL_VARIABLES
from pytest_modelbudget.protocol.installed import is_installed, look_up
from pytest_modelbudget.workers.userdata.audit_events import EVENTS
from pytest_modelbudget.workers.userdata.native_reads import NATIVE, PREPARE
from pytest_modelbudget.workers.userdata.recording import Recording
from pytest_modelbudget.workers.userdata.whose_code import importer, is_for_the_user

_active: Recording | None = None


@contextmanager
def recorded_by(recording: Recording) -> Iterator[Recording]:
    """Let ``recording`` note what this process reads in the body."""
    global _active
    _install()
    _active = recording
    try:
        yield recording
    finally:
        recording.note_loaded_libraries()
        _active = None


def active() -> Recording | None:
    """Return the recording of the task that this process runs, if it runs one now."""
    return _active


@cache
def distrust_byte_code() -> None:
    """Let this process import the user's modules from their sources.

    Byte code is known to be current by size and time only, and both can be the same.
    """
    look_up()
    setattr(SourceFileLoader, "path_stats", _no_byte_code)  # noqa: B010 (mypy)


@cache
def _install() -> None:
    """Put all hooks in place, for as long as this process lives: audit hooks cannot be removed."""
    sys.addaudithook(_hook)
    sys.meta_path.insert(0, _ModuleFinder())
    os.environ.__class__ = os.environb.__class__ = _Environ
    for name in ("access", "lstat", "stat"):
        _note_calls(os, name, lambda recording, path: recording.note_looked_for(path))
    # multiprocessing starts processes with it, and no audit event tells.
    _note_calls(_posixsubprocess, "fork_exec", lambda recording, _: recording.note_process())
    for name in PREPARE:
        _prepare(name)


class _Noting(threading.local):
    """Whether this thread notes something now: what it does for that is not of the user's code."""

    is_on = False

    def __enter__(self) -> None:
        self.is_on = True

    def __exit__(self, *_: object) -> None:
        self.is_on = False


_noting = _Noting()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    note = EVENTS.get(event)
    if note and _active and not _noting.is_on:
        with _noting:
            note(_active, args)


def _note_calls(module: ModuleType, name: str, note: Callable[[Recording, Any], None]) -> None:
    """Note what the user's code calls a function with that has no audit event."""
    original = getattr(module, name)

    @wraps(original)
    def call(first: Any, /, *args: Any, **options: Any) -> Any:
        if _active and not _noting.is_on:
            with _noting:
                if is_for_the_user(sys._getframe(1)):
                    note(_active, first)
        return original(first, *args, **options)

    setattr(module, name, call)
    for functions in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if original in functions:
            functions.add(call)


def _no_byte_code(_loader: SourceFileLoader, path: str) -> Mapping[str, Any]:
    if not is_installed(os.path.dirname(os.path.abspath(path))):
        raise OSError("byte code is not used")  # `SourceLoader.get_code` then reads the source
    found = os.stat(path)
    return {"mtime": found.st_mtime, "size": found.st_size}


class _ModuleFinder:
    """Asks the finders after it, and notes what they answer."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = None
        for finder in sys.meta_path:
            if not isinstance(finder, _ModuleFinder):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    break
        if _active and not _noting.is_on:
            with _noting:
                _active.note_module(name, path, spec)
            if what := NATIVE.get(name):
                _active.note_unrecorded(what, importer(sys._getframe(1)))
        if spec and spec.loader and name in PREPARE:
            _prepare_when_loaded(spec.loader, name)
        return spec


def _prepare_when_loaded(loader: Any, name: str) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _prepare(name)

    loader.exec_module = exec_module


def _prepare(name: str) -> None:
    """Let the library of a module that is loaded tell what it reads."""
    if name in sys.modules:
        PREPARE[name](sys.modules[name], active)


class _Environ(type(os.environ)):  # type: ignore[misc]
    """Notes the variables that the user's code reads, directly or through a library."""

    def __getitem__(self, name: Any) -> Any:
        if _active and is_for_the_user(sys._getframe(1)):
            _active.note_variable(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[Any]:
        if _active and is_for_the_user(sys._getframe(1)):
            _active.note_variable(ALL_VARIABLES)
        return iter(super().__iter__())

    def __contains__(self, name: object) -> bool:
        if _active and is_for_the_user(sys._getframe(1)):
            _active.note_variable(name)
        return bool(super().__contains__(name))
