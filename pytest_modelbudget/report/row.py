"""One limit as all reports show it; it travels as JUnit properties, also out of xdist workers."""

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.judge.accepted import environment_changes
from pytest_modelbudget.judge.findings import (
    Artifact,
    Findings,
    UnmeasuredError,
)
from pytest_modelbudget.judge.limits import FIGURES, LIMITS, measure, measure_figure
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.verdict import Verdict
from pytest_modelbudget.units.format import (
    format_bytes,
    natural_unit,
)
from pytest_modelbudget.units.table import BaseUnit

Status = Literal["within", "measured", "skipped", "accepted", "exceeded", "unmeasured", "error"]
"""``measured`` was not judged, and ``skipped`` could not be measured where nothing is judged;
``accepted`` is over a limit of growth in a session that accepts it into the ledger.
"""

BY_SEVERITY: tuple[Status, ...] = (
    "within",
    "measured",
    "skipped",
    "accepted",
    "unmeasured",
    "exceeded",
    "error",
)


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
        grew_most: The tensor that grew most since a size was accepted, and by how much.
        remark: What a reader of the summary must know of the variant, if anything.
        helps: What helps, if that is known better than by the kind of the limit.
        note: What a reader of the summary must know about the test data, if anything.
        test_data: The source of the test data that ``note`` is about.
        artifact: The path of the ``.tflite``, or of what TensorFlow serves.
        sha256: Of its content, when the limit was judged.
        built: ``built`` in this session, also by another process of it, or ``cached``.
        seconds: What the whole chain of the artifact took when it was built.
        layers_skipped: A line for each stage that skipped layers: which, and why.
        parts: Where the bytes of what TensorFlow serves are, the largest part first.
        quantized: Who quantized it, and which weights are float; empty if it is not quantized.
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
    grew_most: str = ""
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
    def subject(self) -> str:
        """The budget file and the variant, as reports name them."""
        return f"{self.budget} {self.variant}".rstrip()

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
            samples=score.samples_digest if score else "",
        )

    def judged(self, verdict: Verdict, test_data: str, how_to_accept: str = "") -> Self:
        """Return the row with its verdict.

        Args:
            verdict: On the limit.
            test_data: The source of the test data that the verdict rests on.
            how_to_accept: What to do with a figure that improved; empty if the session does it.
        """
        low, high = verdict.interval or (None, None)
        advice = how_to_accept if verdict.improvement else ""
        remarks = filter(None, (verdict.remark, verdict.improvement, advice))
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
            remark="; ".join(remarks),
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

    def because(self, why: str, helps: str = "") -> Self:
        """Return the row with lines that explain the value, and with what helps, if known."""
        return dataclasses.replace(self, why=why, helps=helps or self.helps)

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

    def agrees_with(self, accepted: float) -> bool:
        """Return whether the figure is ``accepted``, or its confidence interval contains that."""
        if self.value_low is None or self.value_high is None:
            return self.value == accepted
        return self.value_low <= accepted <= self.value_high


def worst(rows: Iterable[Row]) -> Status:
    """Return the worst outcome of ``rows``, which are not empty."""
    return max((row.outcome for row in rows), key=BY_SEVERITY.index)
