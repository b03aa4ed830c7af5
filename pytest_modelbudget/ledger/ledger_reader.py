"""Reads a ledger, or reports every problem in it with its line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pytest_modelbudget.budgetfile.document import Document, Location, refuse
from pytest_modelbudget.budgetfile.problems import unexpected
from pytest_modelbudget.errors import BudgetFileError, Problem, Span
from pytest_modelbudget.judge.limits import FIGURES
from pytest_modelbudget.ledger.json_document import read_json
from pytest_modelbudget.ledger.ledger_file import VERSION, Ledger, LedgerFigure, split_key
from pytest_modelbudget.units.invalid import did_you_mean, shown

_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)
_AGAIN = "restore the file from git, or delete it and accept again with pytest --budget-update"


def read_ledger(path: Path) -> Ledger | None:
    """Read the ledger at ``path``; None if there is none.

    Raises:
        BudgetFileError: With every problem in the file.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse(Span(path, 1, 1), f"the ledger cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        what = f"the ledger is not UTF-8: byte {error.start} is wrong"
        refuse(Span(path, 1, 1), what, _AGAIN)
    _refuse_conflict(path, text)
    document = _document(path, text)
    _check_version(document)
    try:
        ledger = Ledger.model_validate(document.data)
    except ValidationError as error:
        document.problems.extend(_explain(error, document))
    else:
        document.problems.extend(_figure_problems(document, ledger))
    if document.problems:
        raise BudgetFileError(tuple(sorted(document.problems, key=lambda each: each.span)))
    return ledger


def _refuse_conflict(path: Path, text: str) -> None:
    if marker := _CONFLICT.search(text):
        line = text.count("\n", 0, marker.start()) + 1
        what = f"a merge conflict begins here: {marker[0][:7]}"
        hint = "keep one side, then accept again with pytest --budget-update"
        refuse(Span(path, line, 1), what, hint)


def _document(path: Path, text: str) -> Document:
    try:
        document = read_json(path, text)
    except json.JSONDecodeError as error:
        refuse(Span(path, error.lineno, error.colno), f"not JSON: {error.msg}", _AGAIN)
    except RecursionError:
        refuse(Span(path, 1, 1), "not a ledger: it is nested too deeply", _AGAIN)
    if not isinstance(document.data, dict):
        what = f"a ledger is an object, got {shown(document.data)}"
        refuse(document.value_span(()), what, _AGAIN)
    return document


def _check_version(document: Document) -> None:
    version = document.data.get("version")
    if type(version) is int and version > VERSION:
        what = f"version {version} was written by a later version of pytest-modelbudget"
        refuse(document.value_span(("version",)), what, "install that version")
    if "version" not in document.data:
        refuse(document.value_span(()), "version is missing", _AGAIN)


def _explain(error: ValidationError, document: Document) -> Iterator[Problem]:
    """Yield a problem for each place that ``error`` is about; a union has one error a member."""
    places: dict[Location, Problem] = {}
    for details in error.errors(include_url=False):
        place: Location = ()
        for part in details["loc"]:
            if (*place, part) in document.values:
                place = (*place, part)
        if details["type"] == "missing":
            problem = document.problem(place, f"'{details['loc'][-1]}' is missing", _AGAIN)
        elif details["type"] == "extra_forbidden":
            problem = document.unknown_key(place, _AGAIN)
        else:
            problem = document.problem(place, unexpected(details), _AGAIN)
        places.setdefault(place, problem)
    yield from places.values()


def _figure_problems(document: Document, ledger: Ledger) -> Iterator[Problem]:
    for variant, accepted in ledger.variants.items():
        for key, figure in accepted.figures.items():
            place = ("variants", variant, "figures", key)
            if problem := _figure_problem(key, figure):
                yield document.problem_of_key(place, *problem)


def _figure_problem(key: str, figure: LedgerFigure) -> tuple[str, str] | None:
    """Return what is wrong with one figure, and what to do."""
    name, machine = split_key(key)
    if name not in FIGURES:
        return f"unknown figure '{name}'", did_you_mean(name, FIGURES)
    if bool(machine) != FIGURES[name].by_machine:
        form = f"{name}@environment" if FIGURES[name].by_machine else name
        return f"expected {form}, got {key}", _AGAIN
    if "score" in FIGURES[name].needs and not (figure.metric and figure.data):
        return "'metric' and 'data' are missing", _AGAIN
    return None
