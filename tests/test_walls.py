import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_modelbudget
from tests.conftest import Project

PACKAGE = Path(pytest_modelbudget.__file__).parent
HEAVY = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}
LITE = {"numpy", "ai_edge_litert", "ai_edge_quantizer"}
WORKERS = "pytest_modelbudget.workers"
PYTEST_WORLD = {"plugin.py", "gate"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def forbidden(path: Path) -> set[str]:
    if path.is_relative_to("workers/compress"):
        return {"pytest", f"{WORKERS}.measure"}
    if path.is_relative_to("workers/measure"):
        return {"pytest", *HEAVY, f"{WORKERS}.compress"}
    if path.is_relative_to("workers/tflite") or path.is_relative_to("workers/userdata"):
        return {"pytest", *HEAVY, f"{WORKERS}.compress", f"{WORKERS}.measure"}
    if path.is_relative_to("workers"):
        return {"pytest", *HEAVY}
    core = HEAVY | LITE | {WORKERS}
    return core if path.parts[0] in PYTEST_WORLD else core | {"pytest", "_pytest"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_no_module_imports_from_a_world_that_is_not_its_own(path: Path) -> None:
    walls = forbidden(path.relative_to(PACKAGE))
    crossed = [name for name in imports(path) if any(f"{name}.".startswith(f"{w}.") for w in walls)]
    assert crossed == []


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
    result = project.pytest("-s")
    assert result.exitcode == 0
    assert not loaded(result.output) & {"pydantic", "yaml", "filelock", *LITE, *HEAVY}


def test_collecting_and_gating_load_no_worker_module_into_pytest(blobs: Project) -> None:
    blobs.write("conftest.py", SPY)
    for options in (["--collect-only"], []):
        result = blobs.pytest("-s", *options)
        assert result.exitcode == 0
        assert "pydantic" in loaded(result.output)
        assert not loaded(result.output) & (LITE | HEAVY)


def test_gating_a_tflite_never_loads_tensorflow_in_a_worker_either(blobs: Project) -> None:
    result = blobs.pytest(env=blobs.refusing(*HEAVY))
    assert result.exitcode == 0, result.output


def test_workers_that_cannot_start_are_an_error_and_never_a_hang(blobs: Project) -> None:
    result = blobs.pytest(env=blobs.refusing("ai_edge_litert"))
    assert result.exitcode == 1
    result.has("the fork server ended: ImportError: ai_edge_litert was imported")
