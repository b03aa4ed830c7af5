"""The names that a module of the user's own defines, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

_MAKES_NAMES = (
    *("__dict__", "__getattr__", "eval(", "exec(", "globals(", "import *", "locals("),
    *("setattr(", "sys.modules", "vars("),
)
_MAKES_MODULES = ("__path__", "meta_path", "path_hooks", "sys.modules")
_CHANGES_PATH = ("addsitedir", "meta_path", "path_hooks", "sys.path", "syspath")
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class ModuleSource:
    """A ``.py`` file; what can only be known by running it counts as possible.

    Args:
        path: The file; one that cannot be read or parsed may define any name.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._text = path.read_text(errors="replace")
            self._tree: ast.Module | None = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            self._text, self._tree = "", None

    def may_define(self, name: str) -> bool:
        """Return whether the module can have the name ``name`` after its import."""
        if self._tree is None or self._has_any(_MAKES_NAMES):
            return True
        return name.startswith("__") or name in set(_names(self._tree))

    def may_add_modules(self) -> bool:
        """Return whether the module, if it is a package, can have modules that are no files."""
        return self._tree is None or self._has_any(_MAKES_MODULES)

    def may_change_path(self) -> bool:
        """Return whether the module can change where other modules are searched for."""
        return self._tree is None or self._has_any(_CHANGES_PATH)

    def callables(self) -> list[str]:
        """Return the public functions and classes of the module, in order."""
        body = self._tree.body if self._tree else []
        names = [node.name for node in body if isinstance(node, _SCOPES)]
        return [name for name in names if not name.startswith("_")]

    def _has_any(self, words: tuple[str, ...]) -> bool:
        return any(word in self._text for word in words)


def _names(module: ast.Module) -> Iterator[str]:
    """Yield the names that the statements of a module bind outside of functions and classes."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield from _bound(node)
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            yield from node.names


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Name(ctx=ast.Store()):
            yield node.id
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
