"""Where the user's modules are found, as a worker process is told."""

import os
from pathlib import Path

from pydantic import Field

from pytest_modelbudget.frozen import Frozen, Sequence


class DeclaredFiles(Frozen):
    """The files that ``depends_on`` names.

    Attributes:
        entries: As they are written.
        folder: Of the budget file, where relative entries begin.
        state: A digest of the names and stamps of the files, when the session planned its work.
    """

    entries: Sequence[str]
    folder: Path
    state: str


class Project(Frozen):
    """Where the user's modules are found, and what to import before anything else.

    ``depends_on`` are further files that its results depend on, if the budget names any.
    ``why_rootdir`` is a sentence for the error of a module that is not found. ``working_folder``
    is where pytest was started, and where relative paths in the user's code begin.
    """

    rootdir: Path
    working_folder: Path = Field(default_factory=Path.cwd)
    why_rootdir: str = ""
    sys_path: Sequence[str]
    imports: Sequence[str] = ()
    depends_on: DeclaredFiles | None = None

    @property
    def search_path(self) -> tuple[str, ...]:
        """The folders in which its modules are looked for, before those of Python."""
        return tuple(dict.fromkeys([*self.sys_path, str(self.rootdir)]))

    def portable(self, path: str | Path) -> str:
        """Return ``path`` relative to rootdir if it lies below it, else absolute."""
        whole, root = os.path.abspath(path), str(self.rootdir)  # paths as text: there are many
        if whole == root:
            return "."
        return whole.removeprefix(f"{root.rstrip('/')}/")
