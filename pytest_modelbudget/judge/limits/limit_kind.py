"""What a limit is: one line of ``budget:``, and the kind that says how to read and judge it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.accepted import Environment
from pytest_modelbudget.judge.findings import Findings, Measurement, Need, UnmeasuredError, present
from pytest_modelbudget.judge.limits.growth_bound import GrowthBound
from pytest_modelbudget.units.table import BaseUnit

TargetField = Literal["latency_s", "p90_s", "p99_s", "memory_bytes", "size_bytes"]


@dataclass(frozen=True)
class Limit:
    """One line of ``budget:``.

    Attributes:
        name: A key of ``LIMITS``.
        bound: In the base unit of the limit's kind; the names of ``allowed_ops``; true; a growth.
        unit: The unit that the bound was written in, such as ``kB``; empty for none.
        span: Where it is written.
        figure: The name of what is measured and not judged; empty where it is judged.
    """

    name: str
    bound: float | bool | tuple[str, ...] | GrowthBound
    unit: str
    span: Span
    figure: str = ""

    @property
    def item_name(self) -> str:
        """The name of its test item."""
        return self.figure or self.name


class LimitKind(ABC):
    """How one limit is written, what must be measured for it, and how it is read from that.

    Attributes:
        name: As in ``budget:``.
        description: One line for the JSON Schema.
        base_unit: Of ``Limit.bound`` and of ``Measurement.value``.
        written: The pydantic type that reads the bound as it is written.
        needs: What must be measured.
        advice: One line on what helps where the limit is exceeded.
        lower_is_better: Whether the bound is a maximum.
        target_field: Which of a target's ``Figures`` answers it; None if no target does.
        figure: The name under which the ledger keeps what it measures; empty if it does not.
        guards: The figure that is not accepted into the ledger unless the limit holds.
        names_tensors: Whether a failure names the tensors that are large, or that grew.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    base_unit: ClassVar[BaseUnit]
    written: ClassVar[Any]
    needs: ClassVar[frozenset[Need]]
    advice: ClassVar[str]
    lower_is_better: ClassVar[bool] = True
    target_field: ClassVar[TargetField | None] = None
    figure: ClassVar[str] = ""
    guards: ClassVar[str] = ""
    names_tensors: ClassVar[bool] = False

    @abstractmethod
    def measure(self, findings: Findings, limit: Limit) -> Measurement:
        """Read the value that is compared with ``limit``.

        Raises:
            UnmeasuredError: If it cannot be read from ``findings``.
        """

    def measure_on_target(self, findings: Findings, limit: Limit) -> Measurement:  # noqa: ARG002
        """Read what is compared with ``limit`` from what the target reports.

        Raises:
            UnmeasuredError: If the target does not report it.
        """
        return self.read_on_target(findings)

    def read_on_target(self, findings: Findings) -> Measurement:
        """Read what a target other than this machine reports in place of ``measure``.

        Raises:
            UnmeasuredError: If the target does not report it.
        """
        figures = present(findings.figures)
        value = getattr(figures, self.target_field) if self.target_field else None
        if value is None:
            what = self.target_field or self.name
            raise UnmeasuredError(f"the target does not report {what}: {figures.how}")
        return Measurement(value, figures.how)

    def highest_allowed(self, limit: Limit) -> float:
        """Return the bound as a number in the base unit (the lowest allowed, for a minimum)."""
        assert isinstance(limit.bound, int | float), "the reader gives a number for this limit"
        return limit.bound


class FigureLimit(LimitKind):
    """A limit of a figure that does not depend on the limit, such as the size of the file.

    Attributes:
        by_machine: Whether the ledger keeps one value for each machine.
        repeats_within: By which share the figure of one artifact may differ between two sessions,
            beyond its intervals; reports do not call less a change.
    """

    by_machine: ClassVar[bool] = False
    repeats_within: ClassVar[float] = 0.0

    def __init_subclass__(cls) -> None:
        """Let a limit guard its own figure."""
        cls.guards = cls.guards or cls.figure

    @abstractmethod
    def read(self, findings: Findings) -> Measurement:
        """Read the figure.

        Raises:
            UnmeasuredError: If it cannot be read from ``findings``.
        """

    def measure(self, findings: Findings, limit: Limit) -> Measurement:  # noqa: ARG002
        """Read the figure, which is compared with ``limit``."""
        return self.read(findings)

    def environment(self, findings: Findings) -> Environment:
        """Return the tools and the machine that the figure depends on."""
        on_target = {"target": findings.target} if findings.figures else {}
        return {**findings.tools, **on_target}
