"""Turns pydantic's errors into problems: in plain words, each with its place in the file."""

import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pytest_modelbudget.budgetfile.document import Document, Location
from pytest_modelbudget.budgetfile.settings import (
    METRICS,
    CommandMapping,
    FixedScore,
    MetricMapping,
    OfOutput,
    TopK,
)
from pytest_modelbudget.budgetfile.stages import STAGES, LayerSelection
from pytest_modelbudget.budgetfile.types import CallSource
from pytest_modelbudget.errors import Problem
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.growth_bound import SizeGrowth
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit
from pytest_modelbudget.units.invalid import (
    InvalidValueError,
    closest,
    did_you_mean,
    shown,
)

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "model_type": "a mapping",
    "string_too_short": "text",
    "string_type": "text",
    "too_long": "a list of {max_length}",
    "too_short": "a list of at least {min_length}",
    "tuple_type": "a list",
}
_MAPPINGS: Mapping[str, type[BaseModel]] = {
    **STAGES,
    "layers": LayerSelection,
    "metric": MetricMapping,
    **dict.fromkeys(METRICS, OfOutput),
    "top_k_accuracy": TopK,
    "baseline": FixedScore,
    "target": CommandMapping,
    **{name: SizeGrowth for name, kind in LIMITS.items() if isinstance(kind, GrowthLimit)},
    **dict.fromkeys(("model", "train", "test", "calibration"), CallSource),
}


def explain(error: ValidationError, document: Document, location: Location) -> Iterator[Problem]:
    """Yield a problem for every error in ``error``, which is about the value at ``location``."""
    for details in error.errors(include_url=False):
        place = _place(details, document, location)
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, InvalidValueError):
            yield document.problem(place, cause.what, cause.hint)
        elif (
            details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]
        ):
            continue  # pydantic counts an entry that has a problem of its own as absent
        elif details["type"] == "missing":
            yield document.problem(place, f"'{details['loc'][-1]}' is missing")
        elif details["type"] == "extra_forbidden":
            yield document.unknown_key(place, known_keys_hint(place))
        else:
            yield document.problem(place, unexpected(details), _hint(details))


def unexpected(details: ErrorDetails) -> str:
    """Return what was expected instead of a value of the wrong type or range."""
    expectation = _EXPECTED[details["type"]].format(**details.get("ctx", {}))
    return f"expected {expectation}, got {shown(details['input'])}"


def known_keys_hint(location: Location) -> str:
    """Return the hint for the unknown key at ``location``: which keys its mapping can have."""
    model = _MAPPINGS[str(location[-2])]
    return did_you_mean(str(location[-1]), model.model_fields.keys() - {"kind"})


def _place(details: ErrorDetails, document: Document, location: Location) -> Location:
    """Follow pydantic's path as far as the file has it; the rest names parts of a union."""
    for part in details["loc"]:
        if (*location, part) in document.values:
            location = (*location, part)
    return location


def _hint(details: ErrorDetails) -> str:
    """Return what to write instead, where the mistake is a common one."""
    value, kind = details["input"], details["type"]
    if not isinstance(value, str):
        return ""
    if kind == "tuple_type":  # a message has one line
        return f"write [{value}]" if value.isprintable() else ""
    if kind == "literal_error":
        near = closest(value, re.findall(r"'(.*?)'", details["ctx"]["expected"]))
        return f"did you mean '{near}'?" if near else ""
    number = value.removesuffix("%").strip()
    try:
        amount = float(number) / (100 if value.endswith("%") else 1)
    except ValueError:
        return ""
    return f"write {amount:.12g}"
