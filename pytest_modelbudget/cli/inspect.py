"""``modelbudget inspect``: shows where the bytes of an artifact are."""

import argparse
import shutil
from pathlib import Path

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.explore.inspection import inspect
from pytest_modelbudget.report.contents_diff_table import contents_diff_table
from pytest_modelbudget.report.contents_table import contents_table
from pytest_modelbudget.report.inspect_document import ContentsDiffDocument, ContentsDocument

HELP = "show where the bytes of a model file are, or how two of them differ"
EXAMPLES = """\
examples:
  modelbudget inspect model.tflite
  modelbudget inspect --diff old.tflite new.tflite
  modelbudget inspect saved_model --all --json
"""
_ELSEWHERE = (160, 24)  # columns and lines of what is not a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, or the two files, and the form of the output."""
    files = parser.add_mutually_exclusive_group(required=True)
    files.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a .tflite or .keras file, or a SavedModel directory",
    )
    files.add_argument(
        "--diff",
        nargs=2,
        type=Path,
        metavar=("OLD", "NEW"),
        help="show what grew, appeared and disappeared between two files of the same form",
    )
    parser.add_argument(
        "--all", action="store_true", help="show all tensors, not only the largest (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document with all")


def run(options: argparse.Namespace) -> int:
    """Print what is in a file, or what differs between two."""
    if options.diff:
        old, new = options.diff
        print(_two(old, new, options))
    else:
        print(_one(options.file, options))
    return 0


def _one(path: Path, options: argparse.Namespace) -> str:
    (contents,) = inspect([path])
    if options.json:
        return ContentsDocument.of(str(path), contents).model_dump_json(indent=2)
    return "\n".join(contents_table(str(path), contents, _width(), whole=options.all))


def _two(old_path: Path, new_path: Path, options: argparse.Namespace) -> str:
    old, new = inspect([old_path, new_path])
    if old.form != new.form:
        raise ModelBudgetError(
            f"{old_path} is {old.indefinite_form} and {new_path} is {new.indefinite_form}; "
            "name two files of the same form"
        )
    names = str(old_path), str(new_path)
    if options.json:
        return ContentsDiffDocument.of(names, old, new).model_dump_json(indent=2)
    return "\n".join(contents_diff_table(names, old, new, _width(), whole=options.all))


def _width() -> int:
    return shutil.get_terminal_size(_ELSEWHERE).columns
