"""``modelbudget check``: validates budget files."""

import argparse
from pathlib import Path

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.cli.counted import counted
from pytest_modelbudget.errors import BudgetFileError, ModelBudgetError

HELP = "validate budget files without running anything"
SUFFIXES = (".budget.yaml", ".budget.yml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the paths to check."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=[Path()],
        metavar="PATH",
        help="a budget file, or a directory in which *.budget.yaml and *.budget.yml files are "
        "searched (default: the working directory)",
    )


def run(options: argparse.Namespace) -> int:
    """Print every problem in the budget files; return 1 if there is one."""
    paths = sorted({file for path in options.paths for file in _budget_files(path)})
    if not paths:
        raise ModelBudgetError(f"no budget file found in {', '.join(map(str, options.paths))}")
    problems = variants = 0
    for path in paths:
        try:
            variants += len(load(path))
        except BudgetFileError as error:
            print(error)
            problems += len(error.problems)
    if problems:
        print(f"{counted(problems, 'problem')} in {counted(len(paths), 'file')}")
        return 1
    print(f"{counted(len(paths), 'file')}, {counted(variants, 'variant')}: no problem found")
    return 0


def _budget_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}")]
