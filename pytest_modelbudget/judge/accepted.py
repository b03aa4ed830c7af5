"""What the team has accepted of a variant, as its ledger keeps it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Environment = Mapping[str, str]
"""Tools and machine that a figure was measured with: name to version or description."""


def environment_name(environment: Environment) -> str:
    """Return the name under which the ledger refers to an environment: a digest of it."""
    text = json.dumps(dict(environment), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def environment_changes(before: Environment, now: Environment) -> str:
    """Return what differs between two environments, such as ``litert 2.2.0 -> 2.3.0``."""
    return ", ".join(
        f"{name} {before.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    )


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
        data: Digest of the samples of a score, or its first characters.
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
        by_machine: Those that do, such as ``latency``, for each machine by ``environment_name``.
    """

    artifact: str
    figures: Mapping[str, AcceptedFigure]
    by_machine: Mapping[str, Mapping[str, AcceptedFigure]]

    def figure(self, name: str, environment: Environment) -> AcceptedFigure | None:
        """Return what was accepted of a figure, in this environment if that matters to it."""
        machines = self.by_machine.get(name, {})
        return self.figures.get(name) or machines.get(environment_name(environment))
