"""Accepts what a session measured: from a ledger and rows to the next ledger."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pytest_modelbudget.judge.accepted import Environment, environment_name
from pytest_modelbudget.judge.limits import FIGURES, LIMITS
from pytest_modelbudget.ledger.ledger_file import (
    UNNAMED,
    Ledger,
    LedgerFigure,
    LedgerVariant,
    split_key,
)
from pytest_modelbudget.report.record import CollectedVariant
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.units.format import format_change, format_figure

_WHY = {
    "exceeded": "is exceeded",
    "unmeasured": "could not be measured",
    "error": "could not be judged, because the build failed",
}
_DATA_NAME = 12  # characters of a digest


@dataclass
class Acceptance:
    """Turns one ledger into the next one.

    Attributes:
        ledger: As it is, and then as it becomes.
        resets_anchors: Whether the anchors become what is accepted now.
        changes: What was accepted, a line for each figure.
        refusals: What was not, and why.
    """

    ledger: Ledger
    resets_anchors: bool
    changes: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def accept(self, variant: CollectedVariant, rows: Iterable[Row]) -> None:
        """Accept the figures of one variant that were measured and that its limits allow."""
        by_limit = {row.name: row for row in rows}
        accepted: dict[str, Row] = {}
        for figure, row in _by_figure(by_limit.values()).items():
            if reasons := "; ".join(_reasons(figure, row, variant, by_limit)):
                value = _measured(row)
                shown = "" if value is None else _value(value, figure)
                subject = " ".join(filter(None, [_subject(variant, figure), shown]))
                self.refusals.append(f"{subject} is not accepted: {reasons}")
            else:
                accepted[figure] = row
        if accepted:
            self._write(variant, accepted)

    def remove(self, variants: Iterable[CollectedVariant], rows: Iterable[Row]) -> None:
        """Remove what no longer exists, after a session in which all limits of a file ran.

        Args:
            variants: All of the budget file.
            rows: Of the session: what was measured exists, even without a limit.
        """
        known = {variant.variant or UNNAMED: variant for variant in variants}
        limited = {(v.variant, LIMITS[limit].figure) for v in known.values() for limit in v.limits}
        existing = limited | {(row.variant, row.figure) for row in rows}
        kept: dict[str, LedgerVariant] = {}
        for name, entry in self.ledger.variants.items():
            if name not in known:
                self.changes.append(f"{name} removed: it is not in the budget file")
                continue
            variant = known[name]
            gone = [
                key for key in entry.figures if (variant.variant, split_key(key)[0]) not in existing
            ]
            self.changes += [
                f"{_subject(variant, key)} removed: no limit measures it" for key in gone
            ]
            figures = {key: each for key, each in entry.figures.items() if key not in gone}
            kept[name] = entry.model_copy(update={"figures": figures})
        self.ledger = _without_unused(self.ledger.model_copy(update={"variants": kept}))

    def _write(self, variant: CollectedVariant, accepted: Mapping[str, Row]) -> None:
        name = variant.variant or UNNAMED
        before = self.ledger.variants.get(name)
        artifact = next(iter(accepted.values())).sha256
        figures: dict[str, LedgerFigure] = {}
        if before is not None:
            if before.artifact != artifact:
                self.changes.append(f"{_subject(variant, 'artifact')} changed")
            figures = {key: _of(each, before.artifact) for key, each in before.figures.items()}
        environments, data = dict(self.ledger.environments), dict(self.ledger.data)
        for figure, row in accepted.items():
            environment = _environment(row)
            machine = environment_name(environment)
            key = f"{figure}@{machine}" if FIGURES[figure].by_machine else figure
            old = figures.get(key)
            new = figures[key] = self._figure(row, machine, old)
            self.changes += _changes(_subject(variant, figure), figure, old, new)
            if new.environment in (None, machine):
                environments[machine] = dict(environment)
            if new.data:
                data[new.data] = row.samples
        entry = LedgerVariant(
            artifact=artifact,
            figures={
                key: each.model_copy(update={"artifact": None})
                if each.artifact == artifact
                else each
                for key, each in figures.items()
            },
        )
        variants = {**self.ledger.variants, name: entry}
        update = {"environments": environments, "data": data, "variants": variants}
        self.ledger = self.ledger.model_copy(update=update)

    def _figure(self, row: Row, machine: str, old: LedgerFigure | None) -> LedgerFigure:
        """Return the new line of a figure: the old one, unless another value was measured."""
        assert row.value is not None, "only what was measured is accepted"
        if old is not None and _is_same(row, old):
            anchor = old.accepted if self.resets_anchors else old.anchor
            return old.model_copy(update={"anchor": anchor, "artifact": row.sha256})
        return LedgerFigure(
            accepted=row.value,
            low=row.value_low,
            high=row.value_high,
            anchor=row.value if old is None or self.resets_anchors else old.anchor,
            metric=row.metric or None,
            data=row.samples[:_DATA_NAME] or None,
            environment=None if FIGURES[row.figure].by_machine else machine,
            artifact=row.sha256,
        )


def _by_figure(rows: Iterable[Row]) -> dict[str, Row]:
    """Return a row for each figure: one that has measured it, if any."""
    figures: dict[str, Row] = {}
    for row in rows:
        figure = row.figure or LIMITS[row.name].figure
        if figure and not (figure in figures and _measured(figures[figure]) is not None):
            figures[figure] = row
    return figures


def _measured(row: Row) -> float | None:
    """Return the figure, if it was measured and is finite."""
    return row.value if row.value is not None and math.isfinite(row.value) else None


def _reasons(
    figure: str, row: Row, variant: CollectedVariant, rows: Mapping[str, Row]
) -> Iterator[str]:
    """Yield why a figure must not be accepted, if it must not."""
    if _measured(row) is None:
        yield row.how.partition("\n")[0] or _WHY["error"]
        return
    if row.value_low is not None and row.value_high is None:
        yield "its interval has no upper end; measure again when the machine is less busy"
    for name in dict.fromkeys([*variant.limits, *rows]):
        if LIMITS[name].guards != figure:
            continue
        if name not in rows:
            yield f"{name} did not run"
        elif not rows[name].holds:
            yield f"{name} {_WHY[rows[name].outcome]}"


def _is_same(row: Row, old: LedgerFigure) -> bool:
    """Return whether what was measured agrees with the accepted figure, whose line then stays."""
    now = (row.metric or None, row.samples[:_DATA_NAME] or None)
    return now == (old.metric, old.data) and row.agrees_with(old.accepted)


def _changes(
    subject: str, figure: str, old: LedgerFigure | None, new: LedgerFigure
) -> Iterator[str]:
    """Yield what changed of one figure."""
    base = FIGURES[figure].base_unit
    if old is None:
        yield f"{subject} {_value(new.accepted, figure)} (new)"
        return
    if new.accepted != old.accepted:
        yield f"{subject} {' -> '.join(format_change(old.accepted, new.accepted, base))}"
    elif (new.metric, new.data) != (old.metric, old.data):
        yield f"{subject} {_value(new.accepted, figure)}, with another metric or other samples"
    if new.anchor != old.anchor:
        yield f"{subject} anchor {' -> '.join(format_change(old.anchor, new.anchor, base))}"


def _value(value: float, figure: str) -> str:
    return format_figure(value, FIGURES[figure].base_unit)


def _subject(variant: CollectedVariant, what: str) -> str:
    return " ".join(filter(None, [variant.variant, what]))


def _environment(row: Row) -> Environment:
    environment: dict[str, str] = json.loads(row.environment)
    return environment


def _of(figure: LedgerFigure, artifact: str) -> LedgerFigure:
    """Return a figure that names its artifact itself."""
    return figure.model_copy(update={"artifact": figure.artifact or artifact})


def _without_unused(ledger: Ledger) -> Ledger:
    """Return the ledger without environments and data that no figure refers to."""
    figures = [pair for each in ledger.variants.values() for pair in each.figures.items()]
    used = {figure.environment or split_key(key)[1] for key, figure in figures}
    data = {figure.data for _, figure in figures}
    return ledger.model_copy(
        update={
            "environments": {k: each for k, each in ledger.environments.items() if k in used},
            "data": {key: each for key, each in ledger.data.items() if key in data},
        }
    )
