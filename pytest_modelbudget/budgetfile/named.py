"""The files, modules and callables that a budget file names: whether they exist."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pytest_modelbudget.budgetfile.document import Document, Location
from pytest_modelbudget.budgetfile.recipe import WrittenStage
from pytest_modelbudget.budgetfile.references import MODEL_SUFFIXES, absolute
from pytest_modelbudget.budgetfile.types import CallSource, FileSource, Metric
from pytest_modelbudget.budgetfile.variant import Variant
from pytest_modelbudget.errors import Problem
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH
from pytest_modelbudget.units.invalid import closest

_FILE_SUFFIXES = {*filter(None, MODEL_SUFFIXES), ".npz"}
_PARAMETERS = ("student", "schedule")  # of stages, that name a model or a callable


class Code(Protocol):
    """Finds the user's modules without an import."""

    def missing(self, reference: str, imports: Sequence[str]) -> tuple[str, str] | None:
        """Return what of ``reference`` is certainly missing, and what to write instead.

        Args:
            reference: ``package.module``, or ``package.module:callable``.
            imports: The modules that are imported before.
        """


def named_problems(document: Document, variant: Variant, code: Code) -> Iterator[Problem]:
    """Yield what a variant names that does not exist."""
    imports = variant.value("imports") or ()

    def missing(value: object) -> tuple[str, str] | None:
        if isinstance(value, CallSource):
            return code.missing(value.call, imports)
        return _missing_file(value.path, document) if isinstance(value, FileSource) else None

    for location, value in _values(variant):
        if found := missing(value):
            inner: Location = (*location, "call")
            yield document.problem(inner if inner in document.values else location, *found)
    for index, name in enumerate(imports):
        if found := code.missing(name, imports[:index]):
            yield document.problem((*variant.settings[("imports",)].location, index), *found)
    for written in variant.recipe():
        stage = written.stage
        for source in stage.own_sources() if stage and not any(stage.problems()) else ():
            if found := missing(source):
                yield _problem_of_stage(document, written, *found)


def _values(variant: Variant) -> Iterator[tuple[Location, object]]:
    """Yield what the settings of a variant name, with its place."""
    for key, setting in variant.settings.items():
        value = setting.value
        if isinstance(value, CallSource | FileSource):
            yield setting.location, value
        elif isinstance(value, Metric) and value.call is not None:
            yield setting.location, CallSource(call=value.call)
        elif key == ("latency", "target") and isinstance(value, str) and ":" in value:
            yield setting.location, CallSource(call=value)


def _problem_of_stage(document: Document, written: WrittenStage, what: str, hint: str) -> Problem:
    for name in _PARAMETERS:
        if (place := (*written.location, name)) in document.values:
            return document.problem(place, what, hint)
    return written.problem(document, what, hint)


def _missing_file(written: Path, document: Document) -> tuple[str, str] | None:
    path = absolute(FileSource(path=written), document.path.parent).path
    is_saved_model = path.suffix.lower() not in _FILE_SUFFIXES
    if not os.path.exists(path):
        near = closest(path.name, _siblings(path))
        hint = f"did you mean {written.with_name(near)}?" if near else ""
        return f"{path} does not exist", hint or "correct the path; it is relative to this file"
    if not is_saved_model and path.is_dir():
        return f"{path} is a folder", f"name a {path.suffix} file"
    if is_saved_model and not (path / SAVED_MODEL_GRAPH).is_file():
        hint = "name a folder with a saved_model.pb, or a .keras, .h5 or .tflite file"
        return f"{path} is not a SavedModel", hint
    return None


def _siblings(path: Path) -> list[str]:
    """Return the names beside ``path`` that have its suffix."""
    try:
        return [name for name in os.listdir(path.parent) if Path(name).suffix == path.suffix]
    except OSError:
        return []
