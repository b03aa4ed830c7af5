"""What the team has accepted of a variant, as its ledger keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Environment = Mapping[str, str]
"""Tools and machine that a figure was measured with: name to version or description."""


@dataclass(frozen=True)
class AcceptedFigure:
    """A figure of one variant that was accepted.

    Attributes:
        value: In the base unit of its kind in ``FIGURES``.
        anchor: The value that was accepted first, or when the anchor was last reset.
        interval: Around ``value``, if it is noisy; None as the high end is no upper end.
        artifact: SHA-256 of the artifact that it was measured on.
        environment: Empty if the ledger does not describe it.
        metric: The metric of a score.
        data: Digest of the samples of a score.
    """

    value: float
    anchor: float
    artifact: str
    interval: tuple[float, float | None] | None = None
    environment: Environment = field(default_factory=dict)
    metric: str = ""
    data: str = ""


@dataclass(frozen=True)
class AcceptedVariant:
    """What was accepted of one variant.

    Attributes:
        artifact: SHA-256 of the artifact that was accepted last.
        figures: By name, a key of ``FIGURES``; none of those that differ from machine to machine.
        by_machine: Those that do, such as ``latency``, one for each machine.
    """

    artifact: str
    figures: Mapping[str, AcceptedFigure]
    by_machine: Mapping[str, tuple[AcceptedFigure, ...]]

    def figure(self, name: str, environment: Environment) -> AcceptedFigure | None:
        """Return what was accepted of a figure, in this environment if that matters to it."""
        same = (each for each in self.by_machine.get(name, ()) if each.environment == environment)
        return self.figures.get(name) or next(same, None)
