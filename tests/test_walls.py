"""The walls between the rooms: who imports whom, and what is loaded in which process."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pytest_modelbudget
from tests.conftest import Project

PACKAGE = Path(pytest_modelbudget.__file__).parent
HEAVY = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}
LITE = {"numpy", "scipy", "ai_edge_litert", "ai_edge_quantizer"}
PYTEST_WORLD = {"plugin.py", "gate"}
CORE = {"errors", "frozen", "units", "judge", "budgetfile", "protocol"}
MAY_IMPORT: Mapping[str, set[str]] = {
    "errors": set(),
    "frozen": set(),
    "units": {"errors", "frozen"},
    "judge": {"errors", "frozen", "units"},
    "budgetfile": {"errors", "frozen", "units", "judge"},
    "ledger": {"errors", "frozen", "units", "judge", "budgetfile"},
    "protocol": {"errors", "frozen", "units", "judge", "budgetfile"},
    "engine": CORE,
    "report": {"errors", "frozen", "units", "judge", "ledger", "protocol"},
    "explore": CORE | {"engine", "report"},
    "cli": CORE | {"explore", "ledger", "report"},
    "gate": CORE | {"engine", "explore", "ledger", "report"},
    "plugin": {"budgetfile", "gate", "report"},
    "workers": CORE,
}
"""What each room may import of the others: no circle, and no arrow back."""
MAY_IMPORT_IN_WORKERS: Mapping[str, set[str]] = {
    "userdata": set(),
    "tflite": {"userdata"},
    "contents": {"userdata", "tflite"},
    "measure": {"userdata", "tflite", "served"},
    "compress": {"userdata", "tflite", "contents"},
    "served": {"userdata", "tflite", "compress"},
}
"""The same for the rooms of the workers; the modules beside them start any of them.

``measure`` imports ``served`` only where TensorFlow runs the artifact: see
``test_collecting_and_gating_load_no_worker_module_into_pytest``.
"""
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.name != "__init__.py"
}


@cache
def imports(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def imported_modules(path: Path) -> set[str]:
    """Return the modules of the package that a module imports anywhere."""
    names = (name.removeprefix("pytest_modelbudget.") for name in imports(path))
    return {name for name in names if name in MODULES}


def forbidden(path: Path) -> set[str]:
    if path.is_relative_to("workers/compress") or path.is_relative_to("workers/served"):
        return {"pytest"}
    if path.is_relative_to("workers"):
        return {"pytest", *HEAVY}
    core = HEAVY | LITE | {"pytest_modelbudget.workers"}
    return core if path.parts[0] in PYTEST_WORLD else core | {"pytest", "_pytest"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_no_module_imports_from_a_world_that_is_not_its_own(path: Path) -> None:
    walls = forbidden(path.relative_to(PACKAGE))
    crossed = [name for name in imports(path) if any(f"{name}.".startswith(f"{w}.") for w in walls)]
    assert crossed == []


def test_the_rooms_are_a_dozen_at_most_and_each_is_known() -> None:
    assert {name.partition(".")[0] for name in MODULES} == set(MAY_IMPORT)
    assert len({name.partition(".")[0] for name in MODULES if "." in name}) <= 12


@pytest.mark.parametrize("module", MODULES)
def test_no_import_goes_back_up(module: str) -> None:
    room, _, rest = module.partition(".")
    reached = {name.partition(".")[0] for name in imported_modules(MODULES[module])}
    assert reached - {room} <= MAY_IMPORT[room]
    inner = rest.partition(".")[0]
    if room == "workers" and inner in MAY_IMPORT_IN_WORKERS:
        names = imported_modules(MODULES[module])
        beside = {name.split(".")[1] for name in names if name.startswith("workers.")}
        assert beside - {inner} <= MAY_IMPORT_IN_WORKERS[inner]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imported_modules(path) - {name} for name, path in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_no_module_name_stands_for_two_modules() -> None:
    names = sorted(path.name for path in MODULES.values() if path.name != "__init__.py")
    assert names == sorted(set(names))


def types(path: Path) -> Iterator[str]:
    """Yield the names of classes and type aliases at the top of a module."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and re.match(r"[A-Z]\w*[a-z]", target.id):
                yield target.id


def test_no_type_name_stands_for_two_types() -> None:
    names = sorted(name for path in MODULES.values() for name in types(path))
    assert len(names) > 100
    assert names == sorted(set(names))


SPY = """
import sys

def pytest_unconfigure():
    print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(output: str) -> set[str]:
    return set(output.split("loaded:")[1].split())


def test_a_session_without_budget_files_loads_nothing_of_ours_but_the_plugin(
    project: Project,
) -> None:
    project.write("conftest.py", SPY)
    project.write("test_nothing.py", "def test_nothing(): pass")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = project.run("-m", "pytest", "-s", "-p", "modelbudget", env=alone)
    assert result.exitcode == 0
    assert not loaded(result.output) & {"pydantic", "yaml", "filelock", *LITE, *HEAVY}


def test_collecting_and_gating_load_no_worker_module_into_pytest(blobs: Project) -> None:
    """Nor is TensorFlow loaded in a worker: each import of it is refused."""
    blobs.write("conftest.py", SPY)
    refusing = blobs.refusing(*HEAVY)
    for options in (["--collect-only"], []):
        result = blobs.pytest("-s", *options, env=refusing)
        assert result.exitcode == 0, result.output
        assert "pydantic" in loaded(result.output)
        assert not loaded(result.output) & (LITE | HEAVY)


def test_workers_that_cannot_start_are_an_error_and_never_a_hang(blobs: Project) -> None:
    result = blobs.pytest(env=blobs.refusing("numpy"))
    assert result.exitcode == 1
    result.has("the fork server ended: ImportError: numpy was imported")
