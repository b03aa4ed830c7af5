"""Reads the bytes of a budget file into a ``Document``."""

from pathlib import Path
from typing import NoReturn

import yaml
from yaml.reader import Reader

from pytest_modelbudget.budgetfile.document import Document, refuse
from pytest_modelbudget.budgetfile.yaml_document import convert
from pytest_modelbudget.budgetfile.yaml_loader import TOO_DEEP, Loader, TooLargeError
from pytest_modelbudget.errors import Span
from pytest_modelbudget.units.invalid import shown

MAX_FILE_BYTES = 2**20


def read_document(path: Path, text: str | None = None) -> Document:
    """Read the budget file at ``path``.

    Args:
        path: The file.
        text: What it would contain; None to read it.

    Raises:
        BudgetFileError: If it cannot be read, is not one YAML mapping, or is larger,
            deeper or longer than any budget file.
    """
    text = _text(path) if text is None else text
    try:
        root = yaml.compose(text, Loader)
    except yaml.MarkedYAMLError as error:
        _refuse_yaml(path, text, error)
    if root is None:
        refuse(Span(path, 1, 1), "the file is empty", "begin with version: 1")
    document = convert(root, path)
    if not isinstance(document.data, dict):
        what = f"a budget file is a mapping of keys, got {shown(document.data)}"
        refuse(document.value_span(()), what, "begin with version: 1")
    return document


def _text(path: Path) -> str:
    start = Span(path, 1, 1)
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_FILE_BYTES:
            refuse(
                start,
                f"the file has {size_bytes:,} bytes; a budget file has at most "
                f"{MAX_FILE_BYTES:,} bytes",
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        refuse(start, f"the file cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        refuse(start, f"the file is not UTF-8: byte {error.start} is wrong", "save it as UTF-8")
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable is not None:
        before = text[: unprintable.start()]
        column = len(before) - before.rfind("\n")
        code = f"U+{ord(unprintable[0]):04X}"
        span = Span(path, before.count("\n") + 1, column)
        refuse(span, f"the character {code} is not allowed in YAML", "remove it")
    return text


def _refuse_yaml(path: Path, text: str, error: yaml.MarkedYAMLError) -> NoReturn:
    mark, problem = error.problem_mark, error.problem or ""
    span = Span(path, mark.line + 1, mark.column + 1) if mark else Span(path, 1, 1)
    if "maximum nesting depth" in problem:  # libyaml 0.2.6 stops by itself where many levels open
        problem = TOO_DEEP
    if isinstance(error, TooLargeError) or problem == TOO_DEEP:
        refuse(span, problem, "split it into several budget files")
    if "another document" in problem:
        refuse(span, "a second YAML document begins", "write one document a file")
    hint = ""
    if mark and "\t" in text[mark.index - mark.column : mark.index + 1]:
        hint = "indent with spaces, not with tabs"
    elif "mapping values are not allowed" in problem:
        hint = "indent keys alike, and put text that contains ': ' in quotes"
    refuse(span, f"not YAML: {problem}", hint)
