"""Files that look like budget files and are not collected are named."""

import pytest

from tests.conftest import Project

ONE = "version: 1\nmodel: blobs.tflite\nbudget: {max_bytes: 7 kB}\n"


def warned(output: str) -> list[str]:
    """Return the warnings of the summary, without their place."""
    lines = (line.strip() for line in output.splitlines())
    start = "PytestCollectionWarning: "
    return [line.partition(start)[2] for line in lines if start in line]


def misnamed(name: str) -> str:
    return (
        f"{name} looks like a budget file and is not collected, because its name does not match "
        "*.budget.yaml or *.budget.yml; rename it, or add its name to modelbudget_files"
    )


def skipped(name: str, folder: str) -> str:
    return (
        f"{name} is not collected, because pytest skips the folder {folder}; move the file, change "
        f"norecursedirs, or write --ignore={folder} if this is intended"
    )


def test_names_that_do_not_match_are_named(built: Project) -> None:
    for name in ("X.Budget.YAML", "deep/y.budgets.yaml", "z.BUDGET.yml", "budget.yaml", "b.yaml"):
        built.write(name, ONE)
    result = built.pytest()
    assert result.exitcode == 0
    assert sorted(warned(result.output)) == [
        misnamed("X.Budget.YAML"),
        misnamed("deep/y.budgets.yaml"),
        misnamed("z.BUDGET.yml"),
    ]


def test_folders_that_pytest_skips_are_searched(built: Project) -> None:
    for name in ("build/lib/x.budget.yaml", ".hidden/y.budget.yml", "sub/venv/z.budgets.yaml"):
        built.write(name, ONE)
    result = built.pytest()
    assert result.exitcode == 0
    assert sorted(warned(result.output)) == [
        skipped(".hidden/y.budget.yml", ".hidden"),
        skipped("build/lib/x.budget.yaml", "build"),
        skipped("sub/venv/z.budgets.yaml", "sub/venv"),
    ]
    assert warned(built.pytest("-n2").output) == warned(result.output), "once for all workers"


@pytest.mark.parametrize(
    ("file", "options"), [("X.Budget.YAML", ()), ("build/x.budget.yaml", ("-n2",))]
)
def test_warnings_as_errors_fail_the_session_without_a_traceback(
    built: Project, file: str, options: tuple[str, ...]
) -> None:
    built.write(file, ONE)
    result = built.pytest("-W", "error", *options)
    assert result.exitcode == (1 if options else 2)
    result.has(misnamed(file) if "X" in file else skipped(file, "build"))
    assert "Traceback" not in result.output
    assert ".py:" not in result.output


def test_folders_of_tools_are_not_searched(built: Project) -> None:
    """No virtual environment, no repository, no cache, wherever it is."""
    for file in (
        "env/pyvenv.cfg",
        ".git/config",
        "node_modules/config",
        "build/env/pyvenv.cfg",
        "build/node_modules/config",
        ".cache/CACHEDIR.TAG",
    ):
        inside = built.write(file, "").with_name("x.budget.yaml")
        inside.write_text(ONE)
    result = built.pytest()
    result.has("5 passed")
    assert warned(result.output) == []


def test_what_is_ignored_on_purpose_is_not_named(built: Project) -> None:
    built.write("build/x.budget.yaml", ONE)
    built.write("dist/x.budget.yaml", ONE)
    options = ("-W", "error", "--ignore=build")
    assert warned(built.pytest("--ignore=build").output) == [skipped("dist/x.budget.yaml", "dist")]
    assert built.pytest(*options, "--ignore-glob=dis*").exitcode == 0


def test_a_session_that_is_given_files_searches_no_folder(built: Project) -> None:
    built.write("X.Budget.YAML", ONE)
    built.write("build/x.budget.yaml", ONE)
    assert built.pytest("-W", "error", "blobs.budget.yaml").exitcode == 0


def test_a_folder_that_norecursedirs_does_not_name_is_collected(built: Project) -> None:
    built.write("build/x.budget.yaml", ONE.replace("blobs", "../blobs"))
    built.write("pytest.ini", "[pytest]\nnorecursedirs = dist\n")
    result = built.pytest("-W", "error")
    assert result.exitcode == 0
    result.has("6 passed")


def test_other_names_of_budget_files_are_not_lookalikes(built: Project) -> None:
    built.write("x.budgets.yaml", ONE)
    built.write("pytest.ini", "[pytest]\nmodelbudget_files = *.budgets.yaml\n")
    result = built.pytest()
    assert warned(result.output) == [
        "blobs.budget.yaml looks like a budget file and is not collected, because its name does "
        "not match *.budgets.yaml; rename it, or add its name to modelbudget_files"
    ]
    result.has("1 passed")
