"""The document of ``--budget-json``, and its JSON Schema."""

from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Literal

from pydantic import ConfigDict

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.details import VariantDetails
from pytest_modelbudget.judge.limits import FIGURES
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.published_schema import published_schema
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.row import Row, Status, worst
from pytest_modelbudget.units.table import BaseUnit

Amount = int | float
"""Whole bytes stay whole."""


class _Document(Frozen):
    """The base of all parts of the document. JSON has no NaN or infinity, so these are refused."""

    model_config = ConfigDict(allow_inf_nan=False)


class ReportedLimit(_Document):
    """The result of one limit; every number is in ``unit``.

    Attributes:
        name: As in the budget file, such as ``max_bytes``.
        outcome: ``error`` means that the artifact could not be built, ``accepted`` that the
            session accepts what is over a limit of growth.
        place: Where the limit is written: ``path:line:column``.
        unit: Bytes, seconds, or what else; null if it was not measured. A score is in the metric's
            own units, a share is a part of 1.
        written_unit: The unit that the limit was written in, such as ``kB``.
        measured: Null if it was not measured.
        measured_low: The lower end of the confidence interval; null if there is no interval.
        measured_high: The upper end; null if there is no interval, or if it has no upper end.
        limit: The highest value that is allowed, or the lowest.
        margin: The room that is left; negative if the limit is exceeded.
        baseline: What it was compared with, if anything.
        how: How it was measured, or why it was not.
        message: The whole explanation of a limit that failed; else empty.
        figure: What the ledger keeps of it, such as ``bytes``; empty if that is nothing.
        figure_unit: The unit of the three fields that follow.
        figure_value: The figure itself, whatever the limit compares it with.
        accepted: The figure that the ledger has, if any.
        anchor: The figure that was accepted first, if any.
        environment_changes: How the tools or the machine differ from those that another value was
            accepted with; empty if the value is the accepted one.
        notes: What a reader must know although the limit may hold.
    """

    name: str
    outcome: Status
    place: str
    unit: BaseUnit | None
    written_unit: str
    measured: Amount | None
    measured_low: Amount | None
    measured_high: Amount | None
    limit: Amount | None
    margin: Amount | None
    baseline: str
    how: str
    message: str
    figure: str
    figure_unit: BaseUnit | None
    figure_value: Amount | None
    accepted: Amount | None
    anchor: Amount | None
    environment_changes: str
    notes: Sequence[str]


class ReportedVariant(_Document):
    """One variant of a budget file, and its limits.

    Attributes:
        budget: The path of the budget file as pytest shows it.
        variant: Its name; empty where the file has no ``variants``.
        outcome: That of the limit that is worst: an error, then exceeded, then unmeasured.
        artifact: The path of the artifact in the cache; empty if it was not built.
        artifact_sha256: The digest of its content; empty if it was not built.
        is_cached: Whether an earlier session built it; null if it was not built.
        build_s: The seconds that the whole recipe took when it was built.
        layers_skipped: A line for each stage that skipped layers: which, and why.
        quantized: Who quantized it, and which weights are float; empty if it is not quantized.
        unrecorded: What it depends on that could not be recorded, if anything.
        limits: Those that ran.
        limits_not_run: The names of the others.
        details: What is known of it beside its limits; null if nothing is.
    """

    budget: str
    variant: str
    outcome: Status
    artifact: str
    artifact_sha256: str
    is_cached: bool | None
    build_s: float | None
    layers_skipped: str
    quantized: str
    unrecorded: str
    limits: Sequence[ReportedLimit]
    limits_not_run: Sequence[str]
    details: VariantDetails | None


class ReportDocument(_Document):
    """The results of one session of pytest.

    Attributes:
        version: Of this format. It changes if a field changes its meaning or is gone; programs must
            accept fields that they do not know.
        pytest_modelbudget: The version of the plugin.
        created: When it was written, in UTC: ``2026-01-31T12:00:00Z``.
        is_complete: Whether every limit of every collected budget file ran.
        is_judged: Whether limits were judged; with ``--budget-measure`` figures are only measured.
        mistakes: What is wrong in budget files, for which pytest could not collect them.
        variants: Those of which at least one limit ran, in that order.
    """

    version: Literal[1] = 1
    pytest_modelbudget: str
    created: str
    is_complete: bool
    is_judged: bool
    mistakes: Sequence[str]
    variants: Sequence[ReportedVariant]


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the document."""
    return published_schema(ReportDocument)


def document(record: Record) -> ReportDocument:
    """Return the results of a session as one document."""
    return ReportDocument(
        pytest_modelbudget=metadata.version("pytest-modelbudget"),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        is_complete=record.is_whole(),
        is_judged=record.is_judged,
        mistakes=tuple(map(str, record.mistakes)),
        variants=tuple(
            _variant(variant, rows, record.details.get((variant.budget, variant.variant)))
            for variant, rows in record.judged().items()
        ),
    )


def _variant(
    variant: CollectedVariant, rows: list[Row], details: VariantDetails | None
) -> ReportedVariant:
    built = next((row for row in rows if row.artifact), rows[0])
    return ReportedVariant(
        budget=variant.budget,
        variant=variant.variant,
        outcome=worst(rows),
        artifact=built.artifact,
        artifact_sha256=built.sha256,
        is_cached=built.built == "cached" if built.built else None,
        build_s=built.seconds,
        layers_skipped=built.layers_skipped,
        quantized=built.quantized,
        unrecorded=built.unrecorded,
        limits=tuple(_limit(row) for row in rows),
        limits_not_run=tuple(variant.left_out(rows)),
        details=details,
    )


def _limit(row: Row) -> ReportedLimit:
    return ReportedLimit(
        name=row.name,
        outcome=row.outcome,
        place=row.place,
        unit=row.unit or None,
        written_unit=row.written_unit,
        measured=row.measured,
        measured_low=row.low,
        measured_high=row.high,
        limit=row.limit,
        margin=row.margin,
        baseline=row.baseline,
        how=row.how,
        message="" if row.holds else explain(row),
        figure=row.figure,
        figure_unit=FIGURES[row.figure].base_unit if row.figure else None,
        figure_value=row.value,
        accepted=row.accepted,
        anchor=row.anchor,
        environment_changes=row.environment_changes,
        notes=tuple(note for note in (row.note, row.remark) if note),
    )
