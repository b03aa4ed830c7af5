"""Accuracy limits that every model passes, or nearly every model."""

from collections.abc import Iterator, Mapping

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.document import Document
from pytest_modelbudget.budgetfile.sections import Setting
from pytest_modelbudget.budgetfile.types import FileSource, Metric
from pytest_modelbudget.errors import Problem
from pytest_modelbudget.judge.limits.growth_bound import GrowthBound
from pytest_modelbudget.units.table import Quantity

_LARGEST_DROP = 0.5  # A model that loses half of all samples is useless, whatever it was before.


def certain_passes(
    document: Document,
    metric: Metric,
    limits: Mapping[str, Setting],
    baseline: FixedBaseline | FileSource | None,
) -> Iterator[Problem]:
    """Yield the limits that a useless model passes.

    Args:
        document: The file.
        metric: A metric between 0 and 1, where higher is better.
        limits: The limits of one variant by their names.
        baseline: The baseline that is written, if any.
    """
    score = baseline.score if isinstance(baseline, FixedBaseline) else 1.0
    drop, floor = limits.get("max_accuracy_drop"), limits.get("min_accuracy")
    too_large = drop and drop.value and _drop_problem(drop.value, metric, score)
    if drop and too_large:
        yield document.problem(drop.location, *too_large)
    relative = limits.get("max_relative_accuracy_drop")
    if relative and relative.value is not None and relative.value.value >= 1:
        what = f"no drop can exceed it: 100% of the baseline leaves {metric} 0"
        yield document.problem(relative.location, what, "write a smaller share, such as 1%")
    loss = limits.get("max_accuracy_loss")
    if loss and isinstance(loss.value, GrowthBound):
        yield from (document.problem(loss.location, *each) for each in _of_loss(loss.value, metric))
    if floor and floor.value is not None and floor.value <= 0:
        what = f"every model reaches it: {metric} is never below 0"
        yield document.problem(floor.location, what, "write the lowest that is good enough")


def _of_loss(loss: GrowthBound, metric: Metric) -> Iterator[tuple[str, str]]:
    if loss.relative is not None and loss.relative >= 1:
        what = f"no loss can exceed it: 100% of what was accepted leaves {metric} 0"
        yield what, "write a smaller share, such as 1%"
    if loss.absolute and (problem := _drop_problem(loss.absolute, metric, 1.0, "the accepted")):
        yield problem


def _drop_problem(
    drop: Quantity, metric: Metric, score: float, whose: str = "the baseline's"
) -> tuple[str, str] | None:
    """Return what is wrong with a drop and what to write, if no useful model exceeds it."""
    bound = drop.value
    if bound > 1:
        return None  # reported as a drop in percent
    points = f"{100 * bound:g} pp"
    if bound >= score:
        what = f"no drop can exceed {points}, because {whose} {metric} is at most {score:g}"
    elif bound >= _LARGEST_DROP:
        what = f"{points} lets a useless model pass"
    else:
        return None
    is_slip = drop.unit != "pp"
    hint = f"write {bound:g} pp for percentage points" if is_slip else "write less, such as 1 pp"
    return what, hint
