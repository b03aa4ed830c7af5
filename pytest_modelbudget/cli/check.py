"""``modelbudget check``: validates budget files."""

import argparse
import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.lookalikes import (
    GLOBS,
    files_below,
    is_skipped,
    misnamed,
    skipped,
)
from pytest_modelbudget.cli.counted import counted
from pytest_modelbudget.errors import BudgetFileError, ModelBudgetError
from pytest_modelbudget.ledger.accepted_budgets import with_accepted
from pytest_modelbudget.protocol.named_code import NamedCode, import_folder

_ROOTS = (".git", "pyproject.toml", "pytest.ini", "setup.cfg", "setup.py", "tox.ini")
HELP = "validate budget files without running anything"
EXAMPLES = """\
examples:
  modelbudget check                               all below this directory
  modelbudget check budgets/model.budget.yaml
  modelbudget check -W error                      in CI: no file is overlooked
"""


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
    parser.add_argument(
        "-W",
        choices=["error"],
        dest="warnings",
        help="-W error: fail if a file looks like a budget file and pytest does not collect it",
    )


def run(options: argparse.Namespace) -> int:
    """Print every problem in the budget files; return 1 if there is one."""
    found = {file for path in options.paths for file in _files(path)}
    paths = sorted(file for file in found if _is_budget(file) or file in options.paths)
    not_collected = [text for path in options.paths for text in _warnings(path)]
    for text in dict.fromkeys(not_collected):
        print(f"warning: {text}", file=sys.stderr)
    if not paths:
        raise ModelBudgetError(f"no budget file found in {', '.join(map(str, options.paths))}")
    problems = variants = 0
    for path in paths:
        try:
            variants += len(with_accepted(load(path, _code(path)), path))
        except BudgetFileError as error:
            print(error)
            problems += len(error.problems)
    if problems:
        print(f"{counted(problems, 'problem')} in {counted(len(paths), 'file')}")
        return 1
    print(f"{counted(len(paths), 'file')}, {counted(variants, 'variant')}: no problem found")
    return 1 if not_collected and options.warnings == "error" else 0


def _code(file: Path) -> NamedCode:
    """Return the modules that pytest would find, as far as that is known without its options."""
    file = Path(os.path.abspath(file))
    roots = [folder for folder in file.parents if any((folder / name).exists() for name in _ROOTS)]
    scripts = os.path.dirname(os.path.abspath(sys.argv[0]))  # Python adds it for this program
    places = [path for path in map(os.path.abspath, sys.path) if path != scripts]
    places = [import_folder(file), *places, *map(str, roots), os.getcwd()]
    return NamedCode(places, roots[-1] if roots else file.parent)


def _files(path: Path) -> list[Path]:
    return list(files_below(path)) if path.is_dir() else [path]


def _is_budget(file: Path) -> bool:
    return any(fnmatch(file.name, glob) for glob in GLOBS)


def _warnings(path: Path) -> Iterator[str]:
    """Yield what pytest does not collect below ``path``, as far as its options are not changed."""
    for file in files_below(path) if path.is_dir() else ():
        folders = file.relative_to(path).parents
        outermost = next((each for each in reversed(folders) if is_skipped(each.name)), None)
        if outermost is not None:
            yield skipped(str(file), str(path / outermost))
        elif not _is_budget(file):
            yield misnamed(str(file), GLOBS)
