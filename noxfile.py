"""What ``nox`` runs: linters, types, coverage, and tests on the corners of what is supported."""

import os
import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = True

OLDEST, NEWEST = "2.16", "2.21"  # TensorFlow
# TensorFlow 2.20 is the first for Python 3.13.
CORNERS = [("3.11", OLDEST), ("3.11", NEWEST), ("3.12", OLDEST), ("3.13", "2.20"), ("3.13", NEWEST)]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install("--editable", ".[dev]")
    session.run("mypy")


@nox.session
@nox.parametrize("python,tensorflow", CORNERS)
def tests(session: nox.Session, tensorflow: str) -> None:
    """Run the example's gate and the fast tests; arguments of yours replace both."""
    install(session, tensorflow)
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", "budgets", f"--budget-cache={session.create_tmp()}/cache")
    session.run("pytest", "-m", "not tensorflow")


@nox.session(python="3.13")
def properties(session: nox.Session) -> None:
    """Run the property tests on random examples, other ones each time."""
    install(session, NEWEST)
    session.run("pytest", "-m", "hypothesis and not tensorflow", "--hypothesis-profile", "random")


@nox.session(python="3.13")
def fuzz(session: nox.Session) -> None:
    """Fuzz each reader, guided by what its inputs reach; ends at the first that fails."""
    install(session, NEWEST)
    session.install("atheris")
    for kind in ("budgets", "answers", "stored", "integrity"):
        session.run("python", "-m", "benchmarks.fuzz.guided", kind, *session.posargs)


@nox.session(python="3.13")
def coverage(session: nox.Session) -> None:
    """Run all tests; fail if they cover less than 95 % of the statements and branches."""
    install(session, NEWEST)
    # What tests/conftest.py chooses, but pytest-cov must know it before.
    processes = str(len(os.sched_getaffinity(0)) + 1)
    distributed = ("-n", processes, "--dist", "loadscope", "--no-loadscope-reorder")
    with tempfile.TemporaryDirectory() as folder:  # a test may list the folders of the repository
        env = {"COVERAGE_FILE": f"{folder}/data"}
        session.run("pytest", *distributed, "--cov", "--cov-fail-under=95", env=env)


def install(session: nox.Session, tensorflow: str) -> None:
    """Install the project with this TensorFlow; with the oldest, all else is as old as allowed."""
    constraints = []
    if tensorflow == OLDEST:
        lowest = session.run("python", "tools/lowest_versions.py", silent=True)
        file = Path(session.create_tmp(), "lowest.txt")
        file.write_text(str(lowest))
        constraints = ["--constraint", str(file)]
    session.install("--editable", ".[dev]", f"tensorflow=={tensorflow}.*", *constraints)
