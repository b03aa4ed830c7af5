"""Which folder pytest takes for rootdir, and options of this plugin that would move it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Project, Result, first_on_path

BUDGET = """
version: 1
model: ../blobs.tflite
data: {test: blobs:test}
budget: {min_accuracy: 0.96}
"""


@pytest.fixture
def bare(built: Project) -> Project:
    """Return a project without an ini file, with its budget in a folder."""
    for name in ("pytest.ini", "blobs.budget.yaml"):
        (built.root / name).unlink()
    built.write("budgets/blobs.budget.yaml", BUDGET)
    return built


def gate(project: Project, *args: str, env: Mapping[str, str] | None = None) -> Result:
    """Run pytest as its console script does, which does not add the working directory."""
    plugins = ("-p", "no:cacheprovider", "-p", "modelbudget", *args)
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **(env or {})}
    return project.forked("-P", "-m", "pytest", *plugins, env=own)


def moved(option: str, path: str | Path, rootdir: Path) -> str:
    return (
        f"ERROR: {option} {path} has moved rootdir to {rootdir}, because pytest takes {path} for a "
        f"path of tests; write {option}={path}\n"
    )


def test_an_equals_sign_keeps_rootdir_in_every_session(bare: Project) -> None:
    shutil.rmtree(bare.root / ".modelbudget")
    shipped = bare.root.parent / "shipped"
    for history in ("built", "cached"):
        result = gate(bare, "budgets", f"--budget-artifacts={shipped}")
        assert result.exitcode == 0
        result.has(f"rootdir: {bare.root}\n", f"budgets/blobs.budget.yaml ({history}, ")
        assert (shipped / "budgets" / "blobs.tflite").exists()


@pytest.mark.parametrize("relative", [False, True])
def test_a_directory_that_moves_rootdir_once_it_exists_is_refused(
    bare: Project, relative: bool
) -> None:
    shipped = bare.root.parent / "shipped"
    written = "../shipped" if relative else str(shipped)
    assert gate(bare, "budgets", "--budget-artifacts", written).exitcode == 0
    result = gate(bare, "budgets", "--budget-artifacts", written)
    assert result.exitcode == 4
    assert result.output.startswith(moved("--budget-artifacts", written, bare.root.parent))
    assert not (bare.root.parent / ".modelbudget").exists()


def test_an_ini_file_that_pytest_overlooks_is_no_excuse(bare: Project) -> None:
    bare.write("pytest.ini", "[pytest]\n")
    cache = bare.root.parent / "cache"
    cache.mkdir()
    # Without another path, pytest searches for an ini file above the cache only.
    result = gate(bare, "--budget-cache", str(cache))
    assert result.exitcode == 4
    assert result.output.startswith(moved("--budget-cache", cache, bare.root.parent))
    assert gate(bare, "budgets", "--budget-cache", str(cache)).exitcode == 0


def test_an_ini_file_of_another_project_is_refused(bare: Project) -> None:
    other = Project(bare.root.parent / "other")
    other.write("pytest.ini", "[pytest]\n")
    result = gate(bare, "budgets", "--budget-cache", f"{other.root}/pytest.ini")
    assert result.exitcode == 4
    option = "--budget-cache"
    assert result.output.startswith(moved(option, f"{other.root}/pytest.ini", other.root))


def test_options_from_the_environment_count(bare: Project) -> None:
    adb = bare.root.parent / "adb"
    adb.write_text("")
    env = {"PYTEST_ADDOPTS": f"--budget-adb {adb}"}
    result = gate(bare, "budgets", env=env)
    assert result.exitcode == 4
    assert result.output.startswith(moved("--budget-adb", adb, bare.root.parent))


@pytest.mark.parametrize(
    "options",
    [
        ("--budget-artifacts", "shipped"),
        ("--budget-artifacts", "../elsewhere", "--rootdir=."),
        ("--budget-artifacts", "../elsewhere", "-c", "setup.cfg"),
        ("--budget-artifacts", "../never_made"),
    ],
)
def test_a_directory_that_does_not_move_rootdir_is_taken(
    bare: Project, options: tuple[str, ...]
) -> None:
    (bare.root / "shipped").mkdir()
    (bare.root.parent / "elsewhere").mkdir()
    bare.write("setup.cfg", "[tool:pytest]\n" if "-c" in options else "")
    result = gate(bare, "budgets", *options)
    assert result.exitcode == 0, result.output
    result.has(f"rootdir: {bare.root}\n")


def test_a_setup_script_above_holds_rootdir(bare: Project) -> None:
    (bare.root.parent / "setup.py").write_text("")
    (bare.root.parent / "shipped").mkdir()
    result = gate(bare, "budgets", "--budget-artifacts", "../shipped", env=first_on_path(bare.root))
    assert result.exitcode == 0, result.output
    result.has(f"rootdir: {bare.root.parent}\n")


@pytest.mark.parametrize(
    ("file", "options", "why"),
    [
        ("pytest.ini", ("budgets",), "{root}, the folder of pytest.ini"),
        ("pyproject.toml", (), "{root}, the folder of pyproject.toml"),
        ("setup.py", ("budgets",), "{root}, the folder of setup.py"),
        ("pytest.ini", ("--rootdir=budgets",), "{root}/budgets, which --rootdir names"),
        (
            "notes.txt",
            ("budgets/blobs.budget.yaml::min_accuracy", "--budget-jobs=1", "-v"),
            "{root}, the common folder of the working directory, "
            "budgets/blobs.budget.yaml::min_accuracy; pytest found no ini file",
        ),
    ],
)
def test_a_module_that_is_not_found_names_rootdir_and_its_reason(
    bare: Project, file: str, options: tuple[str, ...], why: str
) -> None:
    text = {"pytest.ini": "[pytest]\n", "pyproject.toml": "[project]\n"}
    bare.write(file, text.get(file, ""))
    bare.write("budgets/blobs.budget.yaml", BUDGET.replace("blobs:test", "qqqq:test"))
    result = gate(bare, *options)
    is_named = bool(options) and "::" in options[0]
    assert result.exitcode == (4 if is_named else 2)  # 4: pytest found no such item
    result.has(
        "blobs.budget.yaml:3:14: data > test: module qqqq was not found; "
        "modules are searched for in ",
        f"; rootdir is {why.format(root=bare.root)}\n",
    )


def test_a_module_that_another_one_misses_names_rootdir(built: Project) -> None:
    built.write("data.py", "import qqqq\ndef test(): ...\n")
    text = BUDGET.replace("../", "").replace("blobs:test", "data:test")
    built.write("blobs.budget.yaml", text)
    result = built.pytest()
    result.has(
        "importing data raised ModuleNotFoundError: No module named 'qqqq' (data.py:1)\n"
        f"rootdir is {built.root}, the folder of pytest.ini\nlog: "
    )
    built.write("data.py", "raise KeyError\n")
    assert "rootdir is" not in built.pytest().output
