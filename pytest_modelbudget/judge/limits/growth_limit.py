"""What the limits of growth have in common: a figure, compared with what was accepted."""

from dataclasses import dataclass, replace
from shlex import quote
from typing import ClassVar

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.judge.accepted import AcceptedFigure
from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError
from pytest_modelbudget.judge.limits.growth_bound import WRITTEN, GrowthBound
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit, Limit, LimitKind
from pytest_modelbudget.units.format import format_change, format_figure


@dataclass(frozen=True)
class Basis:
    """What a figure is compared with.

    Attributes:
        value: In the base unit of the figure.
        accepted: What the ledger has of it.
        is_anchor: Whether it is the value that was accepted first.
    """

    value: float
    accepted: AcceptedFigure
    is_anchor: bool


class GrowthLimit(LimitKind):
    """A change of a figure for the worse since it was accepted.

    Attributes:
        fixed: The limit that measures the figure.
        verb: What the figure did if it changed for the worse.
    """

    fixed: ClassVar[FigureLimit]
    verb: ClassVar[str] = "grew"
    names_tensors = True

    def __init_subclass__(cls) -> None:
        """Take from ``fixed`` what is the same of its growth."""
        fixed = cls.fixed
        cls.base_unit, cls.written = fixed.base_unit, WRITTEN[fixed.base_unit]
        cls.needs = cls.needs | fixed.needs if hasattr(cls, "needs") else fixed.needs
        cls.advice, cls.target_field, cls.figure = fixed.advice, fixed.target_field, fixed.figure

    def measure(self, findings: Findings, limit: Limit) -> Measurement:
        """Read how much the figure has grown.

        Raises:
            UnmeasuredError: If it was not accepted, or cannot be compared with what was.
        """
        return self._growth(self.fixed.read(findings), findings, limit)

    def measure_on_target(self, findings: Findings, limit: Limit) -> Measurement:
        """Read how much the figure of the target has grown."""
        return self._growth(self.fixed.read_on_target(findings), findings, limit)

    def change(self, found: Measurement, reference: Basis, findings: Findings) -> Measurement:  # noqa: ARG002
        """Return the change for the worse from ``reference`` to ``found``, in the base unit.

        If ``found`` has an interval, the change has one, too: from the accepted interval to it.

        Raises:
            UnmeasuredError: If they cannot be compared.
        """
        change = replace(found, value=found.value - reference.value)
        if found.interval is None:
            return change
        known = None if reference.is_anchor else reference.accepted.interval
        low, high = known or (reference.value, reference.value)
        least, most = found.interval
        before = reference.value if high is None else high
        ends = (least - before, None if most is None else most - low)
        return replace(change, interval=ends)

    def reference(self, found: Measurement, findings: Findings, limit: Limit) -> Basis:
        """Return what the figure is compared with.

        Raises:
            UnmeasuredError: If it was not accepted.
        """
        environment = self.fixed.environment(findings)
        known = findings.accepted
        accepted = known.figure(self.figure, environment) if known else None
        if accepted is None:
            where = " on this machine" if self.fixed.by_machine else ""
            value = format_figure(found.value, self.base_unit)
            raise UnmeasuredError(
                f"{self.figure} is {value}, and none was accepted yet{where}",
                how_to_accept(limit),
            )
        is_anchor = bound_of(limit).since == "anchor"
        return Basis(accepted.anchor if is_anchor else accepted.value, accepted, is_anchor)

    def _growth(self, found: Measurement, findings: Findings, limit: Limit) -> Measurement:
        reference = self.reference(found, findings, limit)
        change = self.change(found, reference, findings)
        allowed = bound_of(limit).allowed(reference.value, self.base_unit)
        scale = abs(reference.value) if allowed.base_unit == "share" else 1.0
        low, high = change.interval or (change.value, change.value)
        old, new = format_change(reference.value, found.value, self.base_unit)
        has_improved = high is not None and high < -allowed.value * scale
        ends = (low / scale, None if high is None else high / scale)
        return replace(
            change,
            value=change.value / scale,
            baseline=f"{old} ({'anchor' if reference.is_anchor else 'accepted'})",
            resolvable=change.resolvable / scale,
            interval=ends if change.interval else None,
            allowed=allowed,
            improvement=f"{self.figure} improved from {old} to {new}" if has_improved else "",
        )


def how_to_accept(limit: Limit) -> str:
    """Return in words how to accept the figure of a limit."""
    return f"accept it with `pytest {quote(as_seen(limit.span.path))} --budget-update`"


def bound_of(limit: Limit) -> GrowthBound:
    """Return the bound of a limit of growth."""
    assert isinstance(limit.bound, GrowthBound), "the reader gives it for a limit of growth"
    return limit.bound
