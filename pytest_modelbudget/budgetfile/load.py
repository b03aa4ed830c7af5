"""Loads a budget file into typed budgets, or reports every problem in it at once."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_modelbudget.budgetfile.budget import Budget, LocatedStage
from pytest_modelbudget.budgetfile.document import Document, Location
from pytest_modelbudget.budgetfile.named import Code, named_problems
from pytest_modelbudget.budgetfile.references import absolute, parse_model
from pytest_modelbudget.budgetfile.sections import read_section
from pytest_modelbudget.budgetfile.stages import Distill, ServedStage, Stage
from pytest_modelbudget.budgetfile.types import Data, Latency, Metric, Training
from pytest_modelbudget.budgetfile.unlimited import figure_limits
from pytest_modelbudget.budgetfile.variant import Variant
from pytest_modelbudget.budgetfile.variant_checks import variant_problems
from pytest_modelbudget.budgetfile.yaml_file import read_document
from pytest_modelbudget.errors import BudgetFileError, Span
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.units.invalid import shown
from pytest_modelbudget.units.table import Quantity

VERSION = 1
VARIANT_NAME = re.compile(r"[A-Za-z0-9_.-]+")
DEFAULT_TIMEOUT = Quantity(1800.0, "s")


def load(
    path: Path, code: Code | None = None, *, judged: bool = True, text: str | None = None
) -> tuple[Budget, ...]:
    """Read the budget file at ``path``.

    Args:
        path: The file.
        code: Finds modules. Without it, nothing that the file names has to exist.
        judged: Whether the limits of the file will be judged. Otherwise a variant needs none, and
            its ``limits`` are one for each figure that can be measured, which nothing exceeds.
        text: What the file would contain; None to read it.

    Returns:
        One budget for each variant; or a single one, with ``variant`` None.

    Raises:
        BudgetFileError: With every problem in the file, in the order of their places.
    """
    document = read_document(path, text)
    _check_version(document)
    variants = _variants(document)
    for variant in variants:
        document.problems.extend(variant_problems(document, variant, needs_limit=judged))
        if code is not None:
            document.problems.extend(named_problems(document, variant, code))
    if document.problems:
        distinct = dict.fromkeys(document.problems)
        raise BudgetFileError(tuple(sorted(distinct, key=lambda problem: problem.span)))
    limits = _limits if judged else figure_limits
    return tuple(_budget(document, variant, limits(document, variant)) for variant in variants)


def _check_version(document: Document) -> None:
    if "version" not in document.data:
        problem = document.problem_of_key((), "version is missing", f"write version: {VERSION}")
        raise BudgetFileError((problem,))
    version = document.data["version"]
    if type(version) is not int or version != VERSION:
        what = f"expected {VERSION}, got {shown(version)}"
        raise BudgetFileError((document.problem(("version",), what, f"write version: {VERSION}"),))


def _variants(document: Document) -> list[Variant]:
    """Return the variants of the file, each with the settings that it inherits."""
    inherited = read_section(document, (), also=("version", "variants"))
    if "variants" not in document.data:
        return [Variant(None, (), inherited)]
    named = document.data["variants"]
    if not isinstance(named, dict) or not named:
        what = f"expected variants by name, got {shown(named)}"
        hint = "write a name and what differs, such as int8: {recipe: int8}"
        document.problems.append(document.problem(("variants",), what, hint))
        return []
    variants = []
    for name, section in named.items():
        location: Location = ("variants", name)
        if not VARIANT_NAME.fullmatch(name):
            what = f"{shown(name)} cannot be the name of a test"
            hint = "write letters, digits, '_', '.' and '-' only"
            document.problems.append(document.problem_of_key(location, what, hint))
        if section is None:
            variants.append(Variant(name, location, inherited))
        elif isinstance(section, dict):
            settings = inherited | read_section(document, location)
            variants.append(Variant(name, location, settings))
        else:
            what = f"expected a mapping, got {shown(section)}"
            hint = "write keys such as recipe and budget below it"
            document.problems.append(document.problem(location, what, hint))
    return variants


def _budget(document: Document, variant: Variant, limits: Iterable[Limit]) -> Budget:
    directory = document.path.parent
    data = {name: absolute(source, directory) for name, source in _section(variant, "data").items()}
    confidence: float | None = variant.value("confidence")
    return Budget(
        variant=variant.name,
        span=document.key_span(variant.location),
        model=absolute(variant.value("model"), directory),
        model_span=document.key_span(variant.settings[("model",)].location),
        data=Data(**data),
        metric=variant.value("metric") or Metric(),
        training=Training(**_section(variant, "training")),
        recipe=_recipe(document, variant),
        limits=tuple(limits),
        baseline=absolute(variant.value("baseline"), directory),
        latency=Latency(**_section(variant, "latency")),
        signature=variant.value("signature") or "",
        seed=variant.value("seed") or 0,
        trust_code=variant.value("trust_code") or False,
        timeout_s=(variant.value("timeout") or DEFAULT_TIMEOUT).value,
        confidence=confidence,
        imports=variant.value("imports") or (),
        depends_on=variant.value("depends_on") or (),
    )


def _section(variant: Variant, section: str) -> dict[str, Any]:
    settings = variant.settings.items()
    return {key[1]: setting.value for key, setting in settings if key[0] == section}


def _recipe(document: Document, variant: Variant) -> tuple[LocatedStage, ...]:
    return tuple(
        LocatedStage(
            _completed(written.stage, variant, document.path.parent),
            written.where,
            document.key_span(written.location),
        )
        for written in variant.recipe()
        if written.stage is not None
    )


def _completed(stage: Stage, variant: Variant, directory: Path) -> Stage:
    """Return a stage with what the rest of the file says about it."""
    if isinstance(stage, ServedStage):
        return stage.with_signature(variant.value("signature") or "")
    if not isinstance(stage, Distill):
        return stage
    student = absolute(parse_model(stage.student), directory)
    return stage.model_copy(update={"student": str(student)})


def _limits(document: Document, variant: Variant) -> tuple[Limit, ...]:
    return tuple(
        _limit(name, setting.value, document.key_span(setting.location))
        for name, setting in variant.limits().items()
    )


def _limit(name: str, bound: Any, span: Span) -> Limit:
    if isinstance(bound, Quantity):
        return Limit(name, bound.value, bound.unit, span)
    return Limit(name, bound, "", span)
