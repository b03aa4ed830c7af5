"""Imports and calls the user's own code, and locates errors in it."""

import importlib
import pkgutil
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from types import ModuleType

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.project import Project

_LIBRARIES = tuple(
    Path(sysconfig.get_path(name)).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_THIS_PACKAGE = Path(__file__).resolve().parents[2]


def enter(project: Project) -> None:
    """Make the project's modules importable, and import those of ``project.imports``.

    Raises:
        JobError: If a module of ``project.imports`` is not found or raises.
    """
    sys.path[:] = dict.fromkeys([*project.search_path, *sys.path])
    for name in project.imports:
        _import(name)


def load_callable(reference: str) -> Callable[..., object]:
    """Return the callable that ``reference``, such as ``package.module:callable``, names.

    Raises:
        JobError: If the module is not found or raises, or does not have such a callable.
    """
    name, _, attribute = reference.partition(":")
    module = _import(name)
    try:
        found: object = reduce(getattr, attribute.split("."), module)
    except AttributeError:
        hint = _nearest(attribute, vars(module)) or "check its spelling"
        raise JobError(f"module {name} has no {attribute}", hint) from None
    if not callable(found):
        raise JobError(
            f"{reference} is of type {type(found).__name__} and cannot be called",
            "name a function or class",
        )
    return found


def call_user(reference: str, args: Mapping[str, object]) -> object:
    """Call the callable that ``reference`` names with the keyword arguments ``args``.

    Raises:
        JobError: If the callable cannot be loaded, or raises.
    """
    function = load_callable(reference)
    with user_code(reference):
        return function(**args)


@contextmanager
def user_code(name: str) -> Iterator[None]:
    """Convert any exception of the body to a JobError, and print the traceback to the log.

    Args:
        name: The name of the code in the message.

    Raises:
        JobError: If the body raises; it names the exception and the line of the user's code.
    """
    try:
        yield
    except BaseException as error:  # also KeyboardInterrupt, exit() and pytest.skip()
        traceback.print_exc()
        raise JobError(f"{name} raised {_described(error)}") from error


def _import(name: str) -> ModuleType:
    try:
        with user_code(f"importing {name}"):
            return importlib.import_module(name)
    except JobError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and _is_part(missing.name, name):
            raise _not_found(name, str(missing.name)) from missing
        raise


def _is_part(missing: str | None, name: str) -> bool:
    return missing is not None and f"{name}.".startswith(f"{missing}.")


def _not_found(name: str, missing: str) -> JobError:
    parent = missing.rpartition(".")[0]
    places = list(getattr(sys.modules.get(parent), "__path__", [])) if parent else _project_paths()
    prefix = f"{parent}." if parent else ""
    siblings = (prefix + module.name for module in pkgutil.iter_modules(places))
    hint = _nearest(missing, siblings) or f"modules are searched for in {', '.join(places)}"
    return JobError(f"module {name} was not found", hint)


def _nearest(name: str, known: Iterable[str]) -> str:
    matches = get_close_matches(name, known, n=1)
    return f"did you mean {matches[0]}?" if matches else ""


def _project_paths() -> list[str]:
    return [path for path in sys.path if Path(path).exists() and not _is_library(Path(path))]


def _is_library(path: Path) -> bool:
    resolved = path.resolve()
    return any(resolved.is_relative_to(library) for library in _LIBRARIES)


def _described(error: BaseException) -> str:
    text = textwrap.shorten(str(error), width=300, placeholder=" ...")
    raised = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users_own(Path(frame.filename))]
    return f"{raised} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else raised


def _is_users_own(path: Path) -> bool:
    """Return whether the file is the user's, also in a zip; ``<frozen importlib>`` has no file."""
    return (
        any(each.is_file() for each in (path, *path.parents))
        and not _is_library(path)
        and not path.resolve().is_relative_to(_THIS_PACKAGE)
    )
