"""Test mutants of the pure core: run the survivors of ``mutmut run`` again, and print the table.

mutmut switches a mutant on after the tests were imported, so it cannot kill a mutant of code that
runs at import, such as the function that makes a pydantic type. Here each survivor is on in a new
process from its start.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MUTANTS = Path("mutants")
KILLED = {1, 3, -24, 24, 36, 152, 255}  # a test failed, pytest failed, or the time was up
AREAS = ("units", "budgetfile", "judge", "engine", "protocol", "report", "workers")
TIMEOUT_S = 120


def main() -> None:
    counts = {area: Counter[str]() for area in AREAS}
    for area in AREAS:
        for meta in sorted((MUTANTS / "pytest_modelbudget" / area).rglob("*.py.meta")):
            for mutant, code in _checked(meta, area):
                counts[area].update([_verdict(mutant, code)])
    print("| area | mutants | killed | survivors |\n| --- | --- | --- | --- |")
    for area, found in counts.items():
        share = found["killed"] / found.total()
        print(f"| {area} | {found.total()} | {100 * share:.1f} % | {found['survived']} |")


def _verdict(mutant: str, code: int | None) -> str:
    if code in KILLED:
        return "killed"
    print(f"survived: {mutant}", file=sys.stderr)
    return "survived"


def _checked(meta: Path, area: str) -> Iterator[tuple[str, int | None]]:
    """Yield each mutant with its exit code, and write what is new to the file of mutmut."""
    found = json.loads(meta.read_text())
    for mutant, code in found["exit_code_by_key"].items():
        known = code if code in KILLED else _run(mutant, area)
        if known != code:
            found["exit_code_by_key"] = found["exit_code_by_key"] | {mutant: known}
            meta.write_text(json.dumps(found))
        yield mutant, known


def _run(mutant: str, area: str) -> int:
    """Return the exit code of the tests of ``area`` with one mutant switched on."""
    config = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]
    paths = [word for word in config["pytest_add_cli_args_test_selection"] if area in word]
    own = {"MUTANT_UNDER_TEST": mutant, "PYTHONPATH": str(MUTANTS.absolute())}
    command = [sys.executable, "-m", "pytest", "-xq", "-m", "not tensorflow"]
    try:
        done = subprocess.run(
            [*command, *config["pytest_add_cli_args"], *paths],
            cwd=MUTANTS,
            env=os.environ | own,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 36
    return done.returncode


if __name__ == "__main__":
    main()
