"""Imports TensorFlow when a test first uses it, so that collecting and all other tests go without.

The import takes 10 s, and that of the statistics of SciPy 1 s, in each process that collects. A
test module has its imports at the top as ever, but of modules: ``import tf_keras``, ``from scipy
import stats``, ``from pytest_modelbudget.workers.compress.stages import apply_prune``. ``from
tf_keras import layers`` would use the module at once.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

LIBRARIES = {
    "keras",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "tensorflow",
    "tensorflow_model_optimization",
    "tf_keras",
}
OURS = ("pytest_modelbudget.workers.compress.", "tests.workers.compress.keras3_models")


class LazyModule(ModuleType):
    """A module that is executed when it is first asked for a name.

    Unlike the lazy modules of ``importlib.util`` it has its ``__file__`` and ``__spec__`` before
    that: ``inspect.getmodule`` asks all modules for those.
    """

    def __getattr__(self, name: str) -> Any:
        # pytest asks whatever a test module imports for names such as `_mock_name`; the import
        # system asks a package for its path before it imports a part of it.
        if name.startswith("_") and name != "__path__":
            raise AttributeError(name)
        assert isinstance(self.__loader__, LazyLoader)
        self.__loader__.execute(self)
        return getattr(self, name)


class LazyLoader(Loader):
    """Makes what ``loader`` loads a lazy module."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).pop("__path__", None)
        module.__class__ = LazyModule

    def execute(self, module: ModuleType) -> None:
        module.__class__ = ModuleType
        spec = module.__spec__
        assert spec is not None, "it was found by LazyFinder"
        spec.loader = module.__loader__ = self._loader
        if spec.submodule_search_locations is not None:
            module.__path__ = spec.submodule_search_locations
        self._loader.exec_module(module)


class LazyFinder(MetaPathFinder):
    """Finds the modules that take long to import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in LIBRARIES and not name.startswith(OURS):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


def install() -> None:
    """Make each later import of these modules a lazy one."""
    sys.meta_path.insert(0, LazyFinder())
