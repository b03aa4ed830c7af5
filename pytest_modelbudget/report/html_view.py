"""What the HTML page shows, made from the results of a session."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_modelbudget.judge.details import StageEffect, ToolVersion, VariantDetails
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.ledger.ledger_history import CommittedLedger
from pytest_modelbudget.report.environment_notes import environment_note, environment_notes
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.figure_changes import FigureChange, figure_changes
from pytest_modelbudget.report.html_history import VariantHistory, figure_text, variant_history
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.report_document import ReportDocument
from pytest_modelbudget.report.row import BY_SEVERITY, Row, Status, worst
from pytest_modelbudget.report.row_text import amounts
from pytest_modelbudget.units.format import format_bytes, format_score

LABELS: dict[Status, str] = {
    "within": "within",
    "measured": "measured",
    "skipped": "not measured",
    "accepted": "accepted",
    "unmeasured": "not measured",
    "exceeded": "exceeded",
    "error": "not built",
}


@dataclass(frozen=True)
class LimitView:
    """One limit of the page.

    Attributes:
        row: The result.
        anchor: The ``id`` of its variant.
    """

    row: Row
    anchor: str

    @property
    def label(self) -> str:
        """Its outcome in words."""
        return LABELS[self.row.outcome]

    @property
    def explanation(self) -> str:
        """The text of a failure."""
        return explain(self.row)

    @cached_property
    def amounts(self) -> tuple[str, str, str]:
        """Measured, limit and margin as text."""
        return amounts(self.row)

    @property
    def used(self) -> float | None:
        """The measured share of a maximum, from 0; None if it has no meaning."""
        row = self.row
        if row.measured is None or not row.limit or row.measured < 0 or row.limit < 0:
            return None
        return row.measured / row.limit if LIMITS[row.name].lower_is_better else None

    @property
    def room(self) -> float | None:
        """The margin as a share of the limit, by which the table is sorted."""
        row = self.row
        return None if row.margin is None else row.margin / (abs(row.limit or 0) or 1)

    @property
    def history(self) -> list[str]:
        """What was accepted first, what was accepted last, and what is measured now."""
        row = self.row
        values = (row.anchor, row.accepted, row.value)
        if not row.figure or None in values:
            return []
        return [figure_text(row.figure, value) for value in values if value is not None]


@dataclass(frozen=True)
class StageView:
    """A stage, with its sizes and its score, and what it changed, as text."""

    name: str
    size: str
    size_change: str
    gzip: str
    score: str


@dataclass(frozen=True)
class VariantView:
    """One variant of the page.

    Attributes:
        anchor: Its ``id`` on the page.
        history: What was accepted before, if git knows more than one state of it.
    """

    variant: CollectedVariant
    anchor: str
    limits: tuple[LimitView, ...]
    details: VariantDetails
    history: VariantHistory | None

    @property
    def outcome(self) -> Status:
        """The worst outcome of its limits."""
        return worst(self.rows)

    @property
    def label(self) -> str:
        """That outcome in words."""
        return LABELS[self.outcome]

    @property
    def rows(self) -> list[Row]:
        """The results of its limits."""
        return [limit.row for limit in self.limits]

    @property
    def built(self) -> Row:
        """A row with the artifact, if it was built."""
        return next((row for row in self.rows if row.artifact), self.rows[0])

    @property
    def not_run(self) -> list[str]:
        """The names of its limits that did not run."""
        return self.variant.left_out(self.rows)

    @property
    def accepted(self) -> list[tuple[str, list[str]]]:
        """The first and last accepted value of each figure, and the present one."""
        known = {limit.row.figure: limit.history for limit in self.limits}
        return [(figure, history) for figure, history in known.items() if history]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of it, each once."""
        noted = (f"{row.name}: {row.note}" for row in self.rows if row.note)
        remarks = (row.remark for row in self.rows if row.remark)
        return list(dict.fromkeys([*environment_note(self.rows), *remarks, *noted]))

    @property
    def stages(self) -> list[StageView]:
        """The effect of each stage."""
        stages = self.details.stages
        return [
            StageView(
                name=stage.name or "without the recipe",
                size=format_bytes(stage.size_bytes),
                size_change=_change(before, stage) if before else "",
                gzip=format_bytes(stage.gzip_bytes),
                score="" if stage.score is None else format_score(stage.score),
            )
            for before, stage in zip((None, *stages), stages, strict=False)
        ]


@dataclass(frozen=True)
class PageView:
    """The whole page."""

    document: ReportDocument
    variants: tuple[VariantView, ...]

    @property
    def status(self) -> str:
        """``failed``, ``passed``, or empty if nothing was judged."""
        if self.failed or self.document.mistakes:
            return "failed"
        return "passed" if self.document.is_judged and self.variants else ""

    @property
    def headline(self) -> str:
        """What happened, in a few words."""
        count, mistakes = len(self.limits), len(self.document.mistakes)
        if self.failed:
            return f"{len(self.failed)} of {count} limits failed"
        if mistakes:
            return f"{mistakes} mistake{'s' * (mistakes > 1)} in budget files"
        if not self.document.is_judged:
            return f"Nothing was judged: {count} figure{'s' * (count != 1)}"
        ran = "" if self.document.is_complete else " that ran"
        return f"All {count} limits{ran} hold" if count > 1 else f"The limit{ran} holds"

    @property
    def limits(self) -> list[LimitView]:
        """All limits."""
        return [limit for variant in self.variants for limit in variant.limits]

    @property
    def failed(self) -> list[LimitView]:
        """Those that failed, the worst first."""
        return sorted(
            (limit for limit in self.limits if not limit.row.holds),
            key=lambda limit: -BY_SEVERITY.index(limit.row.outcome),
        )

    @property
    def counts(self) -> list[tuple[Status, str, int]]:
        """How many limits there are of each outcome, the worst first."""
        found = Counter(limit.row.outcome for limit in self.limits)
        return [(each, LABELS[each], found[each]) for each in reversed(BY_SEVERITY) if found[each]]

    @cached_property
    def changes(self) -> list[FigureChange]:
        """The figures that differ from what was accepted."""
        return figure_changes(limit.row for limit in self.limits)

    @property
    def environments(self) -> list[str]:
        """What else changed since then."""
        return list(environment_notes(limit.row for limit in self.limits))

    def severity(self, outcome: Status) -> int:
        """Return the number by which the table sorts an outcome: the best is 0."""
        return BY_SEVERITY.index(outcome)

    @property
    def tools(self) -> tuple[ToolVersion, ...]:
        """The versions of the tools, which are the same for all variants of a session."""
        return next((each.details.tools for each in self.variants if each.details.tools), ())


def page_view(
    record: Record,
    document: ReportDocument,
    ledgers: Mapping[str, Sequence[CommittedLedger]],
) -> PageView:
    """Return what the page shows of a session.

    Args:
        record: The results.
        document: The same as a document.
        ledgers: By the path of the budget file, what its ledger was, the oldest first.
    """
    variants = []
    for number, (variant, rows) in enumerate(record.judged().items(), start=1):
        anchor = f"variant-{number}"
        details = record.details.get((variant.budget, variant.variant), VariantDetails())
        limits = tuple(LimitView(row, anchor) for row in rows)
        history = variant_history(ledgers.get(variant.path, ()), variant.variant)
        variants.append(VariantView(variant, anchor, limits, details, history))
    return PageView(document, tuple(variants))


def _change(before: StageEffect, after: StageEffect) -> str:
    share = after.size_bytes / before.size_bytes - 1 if before.size_bytes else 0.0
    return f"{100 * share:+.1f} %"
