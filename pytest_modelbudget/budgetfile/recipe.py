"""Reads ``recipe:`` into stages, each with its place in the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pytest_modelbudget.budgetfile.call_names import CALL, colon_hint
from pytest_modelbudget.budgetfile.document import Document, Location, where
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.budgetfile.problems import explain, known_keys_hint
from pytest_modelbudget.budgetfile.stages import STAGES, Stage, UserStage
from pytest_modelbudget.errors import Problem
from pytest_modelbudget.units.invalid import closest, did_you_mean, shortened, shown

_ADAPTERS: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {name: TypeAdapter(type_) for name, type_ in STAGES.items()}
)


@dataclass(frozen=True)
class WrittenStage:
    """One stage as it is written; its kind is known even if its parameters are wrong.

    ``where`` is the path to the stage within its variant, such as ``recipe[1] > cluster``.
    """

    kind: str
    stage: Stage | None
    location: Location
    where: str

    def problem(self, document: Document, what: str, hint: str) -> Problem:
        """Return a problem of the stage as a whole, at its place in the file."""
        variant = self.location[:2] if self.location[0] == "variants" else ()
        place = " > ".join(filter(None, [where(variant), self.where]))
        return Problem(document.key_span(self.location), place, what, hint)


def read_recipe(document: Document, location: Location, value: Any) -> tuple[WrittenStage, ...]:
    """Return the stages of the recipe at ``location``; problems go to ``document``."""
    if isinstance(value, str) and value in PRESETS:
        return tuple(
            WrittenStage(stage.kind, stage, location, f"recipe > {value} > {stage.kind}")
            for stage in PRESETS[value]
        )
    if isinstance(value, list):
        read = [_read_entry(document, (*location, i), entry) for i, entry in enumerate(value)]
        return tuple(stage for stage in read if stage is not None)
    document.problems.append(document.problem(location, _not_a_recipe(value), _recipe_hint(value)))
    return ()


def _not_a_recipe(value: Any) -> str:
    if isinstance(value, str):
        return f"unknown preset {shown(value)}"
    return f"expected a preset or a list of stages, got {shown(value)}"


def _recipe_hint(value: Any) -> str:
    if isinstance(value, str):
        is_stage = value in STAGES or CALL.fullmatch(value)
        return f"write [{value}]" if is_stage else did_you_mean(value, PRESETS)
    if isinstance(value, dict):
        return "begin each stage with a dash"
    return "write [] for the float model as it is"


def _read_entry(document: Document, location: Location, entry: Any) -> WrittenStage | None:
    """Read a bare name, or a mapping of one name to its parameters."""
    if isinstance(entry, str):
        return _read_stage(document, location, entry, {})
    if isinstance(entry, dict) and len(entry) == 1:
        name, parameters = next(iter(entry.items()))
        return _read_stage(document, (*location, name), name, parameters)
    if isinstance(entry, dict) and entry:
        names = ", ".join(map(shortened, entry))
        what = f"expected one stage, got the keys {names}"
        hint = "write one stage to a dash, its parameters indented below its name"
    else:
        what, hint = f"expected a stage, got {shown(entry)}", "write a stage such as quantize_aware"
    document.problems.append(document.problem(location, what, hint))
    return None


def _read_stage(
    document: Document, location: Location, name: str, parameters: Any
) -> WrittenStage | None:
    if name not in STAGES and not CALL.fullmatch(name):
        what = f"unknown stage '{shortened(name)}'"
        document.problems.append(document.problem_of_key(location, what, _stage_hint(name)))
        return None
    kind = name if name in STAGES else "call"
    stage: Stage | None = None
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        what = f"expected a mapping of parameters, got {shown(parameters)}"
        document.problems.append(document.problem(location, what))
    elif kind == "call":
        stage = UserStage(call=name, args=parameters)
    else:
        stage = _validated(document, location, name, parameters)
    entry = location[: -1 if location[-1] == name else None]
    return WrittenStage(kind, stage, location, where((*entry[-2:], name)))


def _validated(
    document: Document, location: Location, name: str, parameters: dict[str, Any]
) -> Stage | None:
    if "kind" in parameters:  # it names the type here, where the file has the stage's name
        key = (*location, "kind")
        document.problems.append(document.unknown_key(key, known_keys_hint(key)))
        parameters = {key: value for key, value in parameters.items() if key != "kind"}
    try:
        stage: Stage = _ADAPTERS[name].validate_python(parameters)
    except ValidationError as error:
        document.problems.extend(explain(error, document, location))
        return None
    return stage


def _stage_hint(name: str) -> str:
    if name in PRESETS:
        return f"it is a preset: write recipe: {name}, or its stages (see modelbudget recipes)"
    if closest(name, STAGES) is None and colon_hint(name):
        return colon_hint(name)
    return did_you_mean(name, STAGES)
