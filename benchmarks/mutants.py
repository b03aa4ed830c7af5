"""Mutants of the pure core: test again what survived ``mutmut run``, and print the table.

mutmut switches a mutant on when the tests are already imported, and runs only the tests that
called the function before. A mutant of code that runs at import, such as the function that makes
a pydantic type, then does nothing. Here all tests run in a new process, with the mutant switched
on from the start.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

MUTANTS = Path("mutants")
AREAS = {
    "units": "units",
    "budget file": "budgetfile",
    "limits and verdicts": "judge",
    "plan and fingerprint": "engine",
    "store": "protocol",
    "report": "report",
    "intervals": "workers",
}
KILLED = {1, 3, -24, 24, 36, 152, 255}  # a test failed, pytest failed, or the time was up
FAILED = 1
CONFIG = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]


def main() -> None:
    """Print the survivors, and how many mutants of each area there are."""
    assert _run("") == 0, "the tests must pass without a mutant"
    counts = {area: _count(folder) for area, folder in AREAS.items()}
    print("| area | mutants | killed | survivors |\n| --- | --- | --- | --- |")
    for area, (killed, all_) in counts.items():
        print(f"| {area} | {all_:,} | {100 * killed / all_:.1f} % | {all_ - killed} |")


def _count(folder: str) -> tuple[int, int]:
    """Return the number of killed mutants, and of all."""
    codes: Counter[bool] = Counter()
    for meta in sorted((MUTANTS / "pytest_modelbudget" / folder).rglob("*.py.meta")):
        found: dict[str, Any] = json.loads(meta.read_text())
        for mutant, code in found["exit_code_by_key"].items():
            if code not in KILLED:
                found["exit_code_by_key"][mutant] = _run(mutant)
                meta.write_text(json.dumps(found))
            is_killed = found["exit_code_by_key"][mutant] in KILLED
            codes[is_killed] += 1
            if not is_killed:
                print(f"survived: {mutant}", file=sys.stderr)
    return codes[True], codes.total()


def _run(mutant: str) -> int:
    """Return 0 if the tests pass with one mutant switched on, and ``FAILED`` otherwise."""
    arguments = [*CONFIG["pytest_add_cli_args"], *CONFIG["pytest_add_cli_args_test_selection"]]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-xq", *arguments],
        cwd=MUTANTS,
        env=os.environ | {"MUTANT_UNDER_TEST": mutant, "PYTHONPATH": str(MUTANTS.absolute())},
        capture_output=True,
        check=False,
    )
    return FAILED if done.returncode else 0


if __name__ == "__main__":
    main()
