"""What the charts of the HTML page show: short, because a page may have a hundred variants."""

from collections.abc import Iterator
from typing import NamedTuple

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.details import StageEffect, VariantDetails
from pytest_modelbudget.report.html_history import VariantHistory
from pytest_modelbudget.report.html_view import PageView, VariantView

MOST_TENSORS = 60  # of a variant


class LatencyLine(Frozen):
    """A latency limit in a chart: its bound, and the interval that was measured; in seconds."""

    name: str
    limit_s: float
    low_s: float | None
    high_s: float | None


class TensorCell(NamedTuple):
    """A tensor, or what else takes bytes, in the charts: short, because a page has thousands."""

    name: str
    layer: str
    dtype: str
    size_bytes: int
    sparsity: float | None
    unique: int | None


class HistoryLine(NamedTuple):
    """A figure that was accepted before.

    Attributes:
        name: Of the figure.
        shares: Its value at each commit as a share of the first one; None where it is not known.
        texts: The same values as text.
    """

    name: str
    shares: tuple[float | None, ...]
    texts: tuple[str, ...]


class ChartedVariant(Frozen):
    """What the charts show of one variant.

    Attributes:
        anchor: The ``id`` of the variant on the page.
        holds: Whether all its limits hold.
        percentiles_s: Of the latency, from the 0th to the 100th; empty if it was not measured.
        tensors: The largest, and one that stands for the others.
        commits: Those that changed what was accepted, the oldest first.
        history: One for each figure.
    """

    anchor: str
    budget: str
    title: str
    holds: bool
    metric: str
    higher_is_better: bool
    stages: Sequence[StageEffect]
    percentiles_s: Sequence[float]
    latencies: Sequence[LatencyLine]
    tensors: Sequence[TensorCell]
    commits: Sequence[str]
    history: Sequence[HistoryLine]


def charts(page: PageView) -> list[dict[str, object]]:
    """Return what the charts of a page show, as JSON."""
    return [_charted(variant).model_dump(mode="json") for variant in page.variants]


def _charted(view: VariantView) -> ChartedVariant:
    latency = view.details.latency
    return ChartedVariant(
        anchor=view.anchor,
        budget=view.variant.budget,
        title=view.variant.variant or view.variant.budget,
        holds=all(row.holds for row in view.rows),
        metric=view.details.metric,
        higher_is_better=view.details.higher_is_better,
        stages=view.details.stages,
        percentiles_s=tuple(float(f"{each:.4g}") for each in latency.percentiles_s)
        if latency
        else (),
        latencies=tuple(
            LatencyLine(name=row.name, limit_s=row.limit, low_s=row.low, high_s=row.high)
            for row in view.rows
            if row.unit == "seconds" and row.limit is not None
        ),
        tensors=_tensors(view.details),
        commits=view.history.commits if view.history else (),
        history=tuple(_lines(view.history)) if view.history else (),
    )


def _lines(history: VariantHistory) -> Iterator[HistoryLine]:
    for name, points in zip(history.figures, zip(*history.points, strict=True), strict=True):
        first = next((point.value for point in points if point), 0.0)
        if first:
            shares = (round(point.value / first, 6) if point else None for point in points)
            texts = (point.text if point else "" for point in points)
            yield HistoryLine(name, tuple(shares), tuple(texts))


def _tensors(details: VariantDetails) -> tuple[TensorCell, ...]:
    if details.contents is None:
        return ()
    cells = [
        TensorCell(
            name=tensor.name,
            layer=tensor.layer or tensor.operator,
            dtype=tensor.dtype,
            size_bytes=tensor.size_bytes,
            sparsity=None if tensor.sparsity is None else round(tensor.sparsity, 4),
            unique=tensor.unique,
        )
        for tensor in details.contents.tensors
    ]
    rest = cells[MOST_TENSORS:]
    others = [(part.name, part.size_bytes) for part in details.contents.others]
    if rest:
        others.append((f"{len(rest)} smaller tensors", sum(each.size_bytes for each in rest)))
    return (*cells[:MOST_TENSORS], *(_other(name, size_bytes) for name, size_bytes in others))


def _other(name: str, size_bytes: int) -> TensorCell:
    return TensorCell(
        name=name, layer="", dtype="", size_bytes=size_bytes, sparsity=None, unique=None
    )
