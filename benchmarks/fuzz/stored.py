"""Mutated files of a stored entry, with digests that fit, as another version could write them."""

import os
import shutil
from pathlib import Path

from benchmarks.fuzz.cases import Tally, attempt, random_of
from benchmarks.fuzz.mutations import ROOT, mutate_text
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.protocol.dependencies import (
    Dependencies,
    EnvironmentVariable,
    ModuleOrigin,
    Package,
)
from pytest_modelbudget.protocol.digests import digest, file_digest
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.store import (
    DEPENDENCIES,
    MANIFEST,
    Manifest,
    Store,
)
from pytest_modelbudget.protocol.surroundings import Surroundings

KEY = digest("a key")


class Stored:
    """An entry of a store, one of whose files changes from case to case.

    Args:
        folder: An empty folder.
        seed: Of all cases.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self._seed = seed
        shutil.copy(ROOT / "tests" / "models" / "blobs.py", folder)
        (folder / "samples").mkdir()
        self._project = Project(rootdir=folder, sys_path=(str(folder),))
        self._store = Store(folder / "store", "session")
        made_from = self._dependencies()
        with self._store.lock(KEY), self._store.adding(KEY) as entry:
            (entry / DEPENDENCIES).write_text(made_from.model_dump_json())
            (entry / "result.json").write_text("{}")
        found = self._store.find(KEY, self._surroundings())
        assert found is not None
        self._entry = found.path
        self._texts = [(self._entry / name).read_text() for name in (DEPENDENCIES, MANIFEST)]

    def seeds(self) -> list[bytes]:
        """Return what the mutants are made from."""
        return [text.encode() for text in self._texts]

    def run(self, case: int) -> None:
        """Look for the entry with a mutant in it."""
        random = random_of(self._seed, case)
        number = random.randrange(2)
        changed = mutate_text(self._texts[number], self._texts, random)
        self._run(case, (DEPENDENCIES, MANIFEST)[number], changed)

    def run_content(self, case: int, content: bytes) -> None:
        """Look for the entry with anything as what it was made from, and as its manifest."""
        for name in (DEPENDENCIES, MANIFEST):
            self._run(case, name, content)

    def _run(self, case: int, changed: str, content: bytes) -> None:
        for name, text in zip((DEPENDENCIES, MANIFEST), self._texts, strict=True):
            (self._entry / name).write_text(text)
        (self._entry / changed).write_bytes(content)
        if changed == DEPENDENCIES:
            names = (DEPENDENCIES, "result.json")
            sha256 = {name: file_digest(self._entry / name) for name in names}
            manifest = Manifest(session="session", sha256=sha256)
            (self._entry / MANIFEST).write_text(manifest.model_dump_json())
        attempt(self.tally, case, self._find, ModelBudgetError)

    def _find(self) -> str:
        return "served" if self._store.find(KEY, self._surroundings()) else "not served"

    def _surroundings(self) -> Surroundings:
        return Surroundings(self._project, os.environ, [self._store.root])

    def _dependencies(self) -> Dependencies:
        now = self._surroundings()
        return Dependencies(
            files=(now.file("blobs.py"), now.file("missing.txt")),
            folders=(now.folder("samples"),),
            modules=(
                ModuleOrigin(name="blobs", where=("*",), origin="blobs.py"),
                ModuleOrigin(name="nothing", where=("*", "samples"), origin=""),
            ),
            variables=(EnvironmentVariable(name="FUZZ_NOT_SET", sha256=""),),
            packages=(Package(name="numpy", version=now.package("numpy").version),),
        )
