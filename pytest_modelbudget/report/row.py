"""One limit as all reports show it; it travels as JUnit properties, also out of xdist workers."""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Self

from pytest_modelbudget.engine.other_forms import FileSize
from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.judge.verdict import Verdict
from pytest_modelbudget.paths import as_seen
from pytest_modelbudget.report.advice import advice
from pytest_modelbudget.units.format import format_bytes, format_measured, format_pair

Outcome = Literal["within", "exceeded", "unmeasured", "error"]
WIDTH = 10
SHARED = {"bytes", "seconds", "count", "ratio"}  # where a share of the limit says something
OPERATORS = {"flag", "operators"}  # units of operators that should not be there


@dataclass(frozen=True)
class Row:
    """What became of one limit.

    Attributes:
        budget: The budget file, as in the node id.
        place: The limit's own place, ``path:line:column``.
        measured: In ``unit``, as are ``limit`` and ``margin``; None if it was not measured.
        low: The lower end of the interval around ``measured``, if it has one.
        high: The upper end, if it has one.
        margin: The room that is left; negative if the limit is exceeded.
        how: How it was measured, or why it was not.
        why: Lines on why it is so much, and what would be less.
        note: What whoever reads the summary must know, if anything.
        artifact: The path of the ``.tflite``.
        built: ``built`` in this session, or ``cached``.
        seconds: What the artifact's last stage took, whenever that was.
        layers_left: A line for each stage that left layers as they were: which, and why.
    """

    budget: str
    name: str
    place: str
    variant: str = ""
    outcome: Outcome = "error"
    unit: str = ""
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    margin: float | None = None
    baseline: str = ""
    how: str = ""
    why: str = ""
    note: str = ""
    artifact: str = ""
    built: str = ""
    seconds: float | None = None
    layers_left: str = ""

    def of_artifact(self, artifact: Artifact) -> Self:
        """Return the row with the artifact it is about."""
        return dataclasses.replace(
            self,
            artifact=as_seen(artifact.path),
            built="cached" if artifact.cached else "built",
            seconds=artifact.seconds,
            layers_left=artifact.layers_left,
        )

    def judged(self, verdict: Verdict) -> Self:
        """Return the row with its verdict."""
        low, high = verdict.interval or (None, None)
        return dataclasses.replace(
            self,
            outcome=verdict.outcome,
            low=low,
            high=high,
            unit=verdict.unit,
            measured=verdict.measured,
            limit=verdict.bound,
            margin=verdict.margin,
            baseline=verdict.baseline,
            how=verdict.how,
            note=verdict.note,
        )

    def explained(self, size: FileSize | None) -> Self:
        """Return the row with what explains its file's size, if anything does."""
        if size is None:
            return self
        sizes = [format_bytes(other.size_bytes or 0) for other in size.others]
        width = max(map(len, sizes))
        lines = [_line("why", size.why)]
        for other, amount in zip(size.others, sizes, strict=True):
            is_made = other.size_bytes is not None
            shown = f"{amount:>{width}}  {other.note}" if is_made else f"not made: {other.note}"
            lines.append(_line(other.name, shown))
        return dataclasses.replace(self, why="\n".join(lines))

    def unmeasured(self, why: str) -> Self:
        """Return the row of a limit that could not be measured."""
        return dataclasses.replace(self, outcome="unmeasured", how=why)

    def properties(self) -> list[tuple[str, str | float]]:
        """Return what is known as name and value pairs, for ``user_properties``."""
        return [(name, value) for name, value in vars(self).items() if value not in (None, "")]

    def amounts(self) -> tuple[str, str, str]:
        """Return measured, limit and margin as text, with digits enough to tell them apart."""
        if self.measured is None or self.limit is None or self.margin is None:
            return "", "", ""
        measured, limit = format_pair(self.measured, self.limit, self.unit)
        if self.low is not None:
            measured = format_measured(self.measured, self.low, self.high, self.limit, self.unit)
        margin, _ = format_pair(abs(self.margin), 0.0, self.unit)
        shared = self.limit and self.unit in SHARED
        share = f" ({_share(abs(self.margin / self.limit))})" if shared else ""
        sign = "-" if self.margin < 0 else "+" if self.margin else ""
        return measured, limit, f"{sign}{margin}{share}"

    def explain(self) -> str:
        """Return the text of a failure; its first line alone says what is wrong."""
        if self.outcome == "unmeasured":
            return f"{self.name} could not be measured: {self.how}\n{self.place}"
        if self.unit in OPERATORS:
            return self._explain_operators()
        measured, limit, margin = self.amounts()
        side = "below the minimum" if self.name.startswith("min_") else "over the limit"
        by = margin.lstrip("-")
        lines = [
            f"{self.name}: {measured} is {by} {side} of {limit}",
            "",
            _line("measured", f"{measured}  {self.how}"),
            _line("limit", f"{limit}  {self.place}"),
            _line("over by" if side.startswith("over") else "short by", by),
        ]
        if self.why:
            lines.append(self.why)
        if self.baseline:
            lines.append(_line("baseline", self.baseline))
        if self.note:
            lines.append(_line("note", self.note))
        return "\n".join([*lines, *self._last_lines()])

    def _explain_operators(self) -> str:
        head = f"{self.name}: {self.how}"
        return "\n".join([head, "", _line("limit", self.place), *self._last_lines()])

    def _last_lines(self) -> list[str]:
        built = f"{self.artifact} ({self.built})"
        return [_line("artifact", built), _line("what helps", advice(self.name))]


def _share(share: float) -> str:
    return f"{share:.2%}" if share < 10 else f"{share:,.0f} times"


def _line(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}}  {text}"
