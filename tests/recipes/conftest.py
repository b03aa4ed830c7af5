"""Models that are trained once, and budget files on which pytest is run once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import Project, Result, once, outcomes
from tests.recipes import models

ROOT = Path(__file__).parents[2]
EPOCHS = 8


@dataclass(frozen=True)
class Gated:
    """What came of pytest on ``recipes.budget.yaml``."""

    root: Path
    result: Result

    def model(self, variant: str) -> Path:
        """Return the ``.tflite`` that was shipped because each limit of its variant held."""
        path = self.root / "dist" / f"recipes.{variant}.tflite"
        assert path.exists(), self.result.output
        return path

    def outcomes(self) -> dict[str, str]:
        return outcomes(self.result.output)

    def measured(self, variant: str, limit: str) -> float:
        """Return what the plugin says it measured, from the JUnit file."""
        for case in ElementTree.parse(self.root / "junit.xml").iter("testcase"):
            if str(case.get("classname")).endswith(f".{variant}") and case.get("name") == limit:
                values = {each.get("name"): each.get("value") for each in case.iter("property")}
                return float(str(values["measured"]))
        raise AssertionError(f"{variant}::{limit} is not in junit.xml")


Gate = Callable[[str], Gated]


@pytest.fixture(scope="session")
def trained(shared: Path) -> Callable[[str, str], Path]:
    """Return a function that trains a model of ``models``, once, and gives its file."""

    def train(name: str, generation: str = "keras") -> Path:
        path = shared / f"{name}_{generation}.keras"
        return once(path, partial(_train, name, generation))

    return train


def _train(name: str, generation: str, path: Path) -> None:
    keras: Any = import_module(generation)
    keras.backend.clear_session()  # The name of a model must not depend on those made before.
    keras.utils.set_random_seed(0)
    model = getattr(models, name)(keras)
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    samples = models.train_halves() if name == "branched" else models.train()
    model.fit(*samples, epochs=EPOCHS, verbose=0)
    models.save(model, path)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Gate:
    """Return a function that runs pytest on a budget file, in a new project.

    All projects have one cache: a step that two modules need is built once.
    """
    root = tmp_path_factory.mktemp("project")
    cache = f"--budget-cache={shared / 'recipes.modelbudget'}"

    def run(budget: str) -> Gated:
        return gated_in(root, budget, cache)

    return run


def gated_in(root: Path, budget: str, *options: str) -> Gated:
    """Run pytest on a budget file, with a cache of its own if ``options`` name no other."""
    project = Project(root)
    project.write("pytest.ini", f"[pytest]\npythonpath = {ROOT}\n")
    project.write("recipes.budget.yaml", budget)
    files = ("--budget-artifacts=dist", "--junitxml=junit.xml")
    return Gated(root, project.pytest("-v", "-W", "error", *files, *options))
