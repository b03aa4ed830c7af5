"""One limit as all reports show it; it travels as JUnit properties, also out of xdist workers."""

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.judge.accepted import environment_changes
from pytest_modelbudget.judge.contents_diff import ContentsSince
from pytest_modelbudget.judge.findings import (
    Artifact,
    FileSize,
    Findings,
    StageScore,
    UnmeasuredError,
)
from pytest_modelbudget.judge.function_costs import explain_instructions
from pytest_modelbudget.judge.limits import FIGURES, LIMITS, measure, measure_figure
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.results import Instructions
from pytest_modelbudget.judge.verdict import Verdict
from pytest_modelbudget.report.contents_lines import grown, largest
from pytest_modelbudget.units.format import (
    format_bytes,
    format_change,
    format_exact,
    format_interval,
    format_score,
    format_share,
    format_value,
    natural_unit,
    readable_unit,
)
from pytest_modelbudget.units.table import BaseUnit

Status = Literal["within", "measured", "skipped", "accepted", "exceeded", "unmeasured", "error"]
"""``measured`` was not judged, and ``skipped`` could not be measured where nothing is judged;
``accepted`` is over a limit of growth in a session that accepts it into the ledger.
"""

WIDTH = 10
BY_SEVERITY: tuple[Status, ...] = (
    "within",
    "measured",
    "skipped",
    "accepted",
    "unmeasured",
    "exceeded",
    "error",
)
_SIZES = {"bytes", "gzip_bytes"}
COMPARABLE = {"bytes", "seconds", "count", "ratio"}  # a margin is also shown as a share of these


@dataclass(frozen=True)
class Row:
    """The result of one limit.

    Attributes:
        budget: The budget file, as in the node id.
        place: The limit's own place, ``path:line:column``.
        unit: The base unit of ``measured``, ``limit`` and ``margin``; empty if it was not measured.
        written_unit: The unit that the limit was written in, such as ``kB``.
        measured: None if it was not measured.
        low: The lower end of the confidence interval of ``measured``, if it has one.
        high: The upper end, if it has one.
        margin: The room that is left; negative if the limit is exceeded.
        how: How it was measured, or why it could not be.
        why: Lines that explain a file's size and what would make it smaller, or a score.
        remark: What a reader of the summary must know of the variant, if anything.
        helps: What helps, if that is known better than by the kind of the limit.
        note: What a reader of the summary must know about the test data, if anything.
        test_data: The source of the test data that ``note`` is about.
        artifact: The path of the ``.tflite``, or of what TensorFlow serves.
        sha256: Of its content, when the limit was judged.
        built: ``built`` in this session, or ``cached``.
        seconds: What the whole chain of the artifact took when it was built.
        layers_skipped: A line for each stage that skipped layers: which, and why.
        parts: Where the bytes of what TensorFlow serves are, the largest part first.
        quantized: Who quantized it, and which weights are still float; empty if nobody did.
        unrecorded: What it depends on that could not be recorded, if anything.
        figure: What the ledger keeps of it, a key of ``FIGURES``; empty if that is nothing.
        value: The figure in the base unit of ``FIGURES``, whatever the limit is compared with.
        value_low: The lower end of its interval, if it has one.
        value_high: The upper end, if it has one.
        accepted: The figure that the ledger has, if any.
        anchor: The figure that was accepted first, if any.
        environment: What the figure was measured with, as JSON.
        environment_changes: How it differs from the one in which another value was accepted.
        metric: What a score was computed with.
        samples: Digest of the samples of a score.
    """

    budget: str
    name: str
    place: str
    variant: str = ""
    outcome: Status = "error"
    unit: BaseUnit | Literal[""] = ""
    written_unit: str = ""
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    margin: float | None = None
    baseline: str = ""
    how: str = ""
    why: str = ""
    remark: str = ""
    helps: str = ""
    note: str = ""
    test_data: str = ""
    artifact: str = ""
    sha256: str = ""
    built: str = ""
    seconds: float | None = None
    layers_skipped: str = ""
    parts: str = ""
    quantized: str = ""
    unrecorded: str = ""
    figure: str = ""
    value: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    accepted: float | None = None
    anchor: float | None = None
    environment: str = ""
    environment_changes: str = ""
    metric: str = ""
    samples: str = ""

    @property
    def holds(self) -> bool:
        """Whether the limit did not fail."""
        return self.outcome in ("within", "measured", "skipped", "accepted")

    def of_artifact(self, artifact: Artifact, unrecorded: Iterable[str] = ()) -> Self:
        """Return the row with the artifact it is about, and what was not recorded of it."""
        return dataclasses.replace(
            self,
            artifact=as_seen(artifact.path),
            sha256=artifact.sha256,
            built="cached" if artifact.cached else "built",
            seconds=artifact.seconds,
            layers_skipped=artifact.layers_skipped,
            parts=", ".join(
                f"{part.name} {format_bytes(part.size_bytes)}" for part in artifact.parts
            ),
            quantized=artifact.quantization.summary() if artifact.quantization else "",
            unrecorded=", ".join(unrecorded),
        )

    def of_figure(self, name: str, findings: Findings) -> Self:
        """Return the row with its figure, and what was accepted of it.

        Raises:
            UnmeasuredError: If it could not be measured.
        """
        found, environment = measure_figure(name, findings), FIGURES[name].environment(findings)
        low, high = found.interval or (None, None)
        accepted = findings.accepted and findings.accepted.figure(name, environment)
        score = findings.score if "score" in FIGURES[name].needs else None
        before = accepted.environment if accepted and accepted.value != found.value else None
        return dataclasses.replace(
            self,
            figure=name,
            value=found.value,
            value_low=low,
            value_high=high,
            accepted=accepted.value if accepted else None,
            anchor=accepted.anchor if accepted else None,
            environment=json.dumps(environment, ensure_ascii=False, sort_keys=True),
            environment_changes=environment_changes(before, environment) if before else "",
            metric=findings.metric if score else "",
            samples=(score.sample_set or score.data) if score else "",
        )

    def judged(self, verdict: Verdict, test_data: str) -> Self:
        """Return the row with its verdict, and the test data that it rests on."""
        low, high = verdict.interval or (None, None)
        return dataclasses.replace(
            self,
            outcome=verdict.outcome,
            low=low,
            high=high,
            unit=verdict.base_unit,
            written_unit=verdict.unit,
            measured=verdict.measured,
            limit=verdict.bound,
            margin=verdict.margin,
            baseline=verdict.baseline,
            how=verdict.how,
            note=verdict.note,
            remark=verdict.remark,
            test_data=test_data if verdict.note else "",
        )

    def skipped(self, why: str) -> Self:
        """Return the row of a figure that could not be measured, where nothing is judged."""
        return dataclasses.replace(self, outcome="skipped", how=why)

    def looked_at(self, limit: Limit, findings: Findings) -> Self:
        """Return the row with the figure that ``limit`` would judge, in the unit that people write.

        Raises:
            UnmeasuredError: If it cannot be read from ``findings``, or is not finite.
        """
        kind, measurement = LIMITS[limit.name], measure(limit, findings)
        if not math.isfinite(measurement.value):
            raise UnmeasuredError(f"the measured value is {measurement.value}: {measurement.how}")
        low, high = measurement.interval or measurement.spread or (None, None)
        return dataclasses.replace(
            self,
            outcome="measured",
            unit=kind.base_unit,
            written_unit=limit.unit or natural_unit(measurement.value, kind.base_unit),
            measured=measurement.value,
            low=low,
            high=high,
            baseline=measurement.baseline,
            how=measurement.how,
            remark=measurement.remark,
        )

    def explained(self, size: FileSize | None) -> Self:
        """Return the row with the reasons for its file's size, if there are any."""
        if size is None:
            return self
        sizes = [format_bytes(other.size_bytes or 0) for other in size.others]
        width = max(map(len, sizes), default=0)
        lines = [_line("why", size.why)]
        for other, amount in zip(size.others, sizes, strict=True):
            is_made = other.size_bytes is not None
            shown = f"{amount:>{width}}  {other.note}" if is_made else f"not made: {other.note}"
            lines.append(_line(other.name, shown))
        return dataclasses.replace(self, why="\n".join(lines))

    def located(self, found: ContentsSince | None) -> Self:
        """Return the row with the tensors that are large, or that grew since they were accepted."""
        if found is None:
            return self
        deflated = self.figure == "gzip_bytes"
        title = "grew most"
        shown = grown(found.growth, deflated=deflated) if found.growth else []
        if not shown and self.figure in _SIZES:
            title, shown = "largest", largest(found.contents, deflated=deflated)
        lines = [_line("" if number else title, each) for number, each in enumerate(shown)]
        why = filter(None, [self.why, self._accepted_size(), *lines])
        return dataclasses.replace(self, why="\n".join(why))

    def _accepted_size(self) -> str:
        """Return a line with the size that was accepted; nothing if growth itself is limited."""
        is_growth = isinstance(LIMITS[self.name], GrowthLimit)
        if is_growth or self.accepted is None or self.value is None or self.accepted == self.value:
            return ""
        change = self.value - self.accepted
        more = f"{format_bytes(abs(change))} {'more' if change > 0 else 'less'} now"
        return _line("accepted", f"{format_bytes(self.accepted)}: {more}")

    def by_stage(self, scores: Sequence[StageScore], higher_is_better: bool) -> Self:
        """Return the row with the score after each stage, and what helps the one that lost most."""
        if len(scores) < 2:
            return self
        sign = 1 if higher_is_better else -1
        losses = [sign * (one.score - other.score) for one, other in pairwise(scores)]
        shown = [
            f"{each.name} {format_score(each.score)} ({-sign * loss:+.2g})"
            for each, loss in zip(scores[1:], losses, strict=True)
        ]
        line = "; ".join([f"without the recipe {format_score(scores[0].score)}", *shown])
        most = max(losses)
        worst = scores[1 + losses.index(most)]
        helps = f"{worst.where} lost most: {worst.gentler}" if most > 0 else ""
        return dataclasses.replace(self, why=_line("by stage", line), helps=helps)

    def by_function(self, found: Instructions, accepted: Instructions | None) -> Self:
        """Return the row with the functions that take most, and those that grew."""
        lines = [_line(*each) for each in explain_instructions(found, accepted)]
        return dataclasses.replace(self, why="\n".join(lines))

    def unmeasured(self, why: str) -> Self:
        """Return the row of a limit that could not be measured."""
        return dataclasses.replace(self, outcome="unmeasured", how=why)

    def accepted_growth(self) -> Self:
        """Return the row of a limit of growth in a session that accepts the figure."""
        return dataclasses.replace(self, outcome="accepted")

    def not_built(self, why: str) -> Self:
        """Return the row of a limit whose artifact could not be built."""
        return dataclasses.replace(self, outcome="error", how=why)

    def properties(self) -> list[tuple[str, str | float]]:
        """Return the fields that have a value as pairs, for ``user_properties``."""
        return [(name, value) for name, value in vars(self).items() if value not in (None, "")]

    def amounts(self) -> tuple[str, str, str]:
        """Return measured, limit and margin as text in the limit's unit; empty if unknown."""
        if self.unit == "" or self.measured is None:
            return "", "", ""
        if self.unit == "operators":
            return f"{self.measured:.0f}" if self.measured else "none", "none", ""
        base, unit = self.unit, self.written_unit
        shown_in = readable_unit(self.measured, base, unit)
        measured = format_value(self.measured, base, shown_in, apart_from=self.limit)
        if self.low is not None:
            measured += f" ({format_interval(self.low, self.high, base, shown_in)})"
        if self.limit is None or self.margin is None:
            return measured, "", ""
        sign = "-" if self.margin < 0 else "+" if self.margin else ""
        return measured, format_exact(self.limit, base, unit), f"{sign}{self._margin(base)}"

    def change(self) -> tuple[str, str, str] | None:
        """Return the accepted figure, the measured one, and by how much it changed, as text.

        None if nothing was accepted, or if the interval of a noisy figure contains that.
        """
        if self.accepted is None or self.value is None or self.value == self.accepted:
            return None
        is_noisy = self.value_low is not None and self.value_high is not None
        if is_noisy and (self.value_low or 0.0) <= self.accepted <= (self.value_high or 0.0):
            return None
        base, difference = FIGURES[self.figure].base_unit, self.value - self.accepted
        sign = "-" if difference < 0 else "+"
        if base in COMPARABLE and self.accepted:
            amount = format_share(abs(difference / self.accepted))
        else:
            amount = format_value(abs(difference), base, "")
        return *format_change(self.accepted, self.value, base), f"{sign}{amount}"

    def explain(self) -> str:
        """Return the text of a failure; its first line alone says what is wrong."""
        if self.outcome == "error":
            return f"{self.name}: not built: {self.how}\n{self.place}"
        if self.outcome == "unmeasured":
            return f"{self.name} could not be measured: {self.how}\n{self.place}"
        changes = self.environment_changes
        if self.unit == "operators":
            return "\n".join([f"{self.name}: {self.how}", "", *self._last_lines()])
        lines = [
            self._headline(),
            "",
            _line("measured", f"{self._exactly()}  {self.how}"),
            *([self.why] if self.why else []),
            *([_line("baseline", self.baseline)] if self.baseline else []),
            *([_line("note", self.note)] if self.note else []),
            *([_line("note", self.remark)] if self.remark else []),
            *([_line("note", f"the environment changed: {changes}")] if changes else []),
        ]
        return "\n".join([*lines, *self._last_lines()])

    def _headline(self) -> str:
        """Return in one line by how much which limit is exceeded."""
        kind = LIMITS[self.name]
        measured, limit, _ = self.amounts()
        if isinstance(kind, GrowthLimit):
            grown = f"{self.figure} {kind.verb} by {measured}"
            return (
                f"{self.name}: {grown}, from {self.baseline} to {self._new()}; allowed is {limit}"
            )
        side = "over the limit" if kind.lower_is_better else "below the minimum"
        by = self._margin(self.unit) if self.unit else ""
        return f"{self.name}: {measured} is {by} {side} of {limit}"

    def _new(self) -> str:
        """Return the figure beside the one that was accepted."""
        reference = self.value if self.accepted is None else self.accepted
        assert self.value is not None, "a limit of growth has measured its figure"
        return format_change(reference or 0.0, self.value, FIGURES[self.figure].base_unit)[1]

    def _margin(self, base: BaseUnit) -> str:
        """Return the room that is left or missing, without a sign."""
        amount, limit = abs(self.margin or 0.0), abs(self.limit or 0.0)
        share = f" ({format_share(amount / limit)})" if limit and base in COMPARABLE else ""
        return f"{format_value(amount, base, self.written_unit)}{share}"

    def _exactly(self) -> str:
        """Return a size to the byte, or a count to the last one, behind its rounded amount."""
        is_growth = isinstance(LIMITS[self.name], GrowthLimit)
        base = FIGURES[self.figure].base_unit if is_growth else self.unit
        measured = self._new() if is_growth else self.amounts()[0]
        whole = {"bytes": "B", "count": ""}.get(base)
        if whole is None or base == "" or (self.written_unit == whole and not is_growth):
            return measured
        value = self.value if is_growth else self.measured
        return f"{measured} ({format_value(value or 0, base, whole)})"

    def _or_accept(self) -> str:
        budget_file = self.place.rsplit(":", 2)[0]
        return _line("or", f"accept it: pytest {budget_file} --budget-update")

    def _last_lines(self) -> list[str]:
        return [
            _line("limit", self.place),
            _line("artifact", f"{self.artifact} ({self.built})"),
            _line("what helps", self.helps or LIMITS[self.name].advice),
            *([self._or_accept()] if isinstance(LIMITS[self.name], GrowthLimit) else []),
        ]


def worst(rows: Iterable[Row]) -> Status:
    """Return the worst outcome of ``rows``, which are not empty."""
    return max((row.outcome for row in rows), key=BY_SEVERITY.index)


def _line(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}}  {text}"
