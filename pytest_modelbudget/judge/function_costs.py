"""Where the instructions of an invocation are, and where they have grown; pure."""

from collections import Counter
from collections.abc import Sequence

from pytest_modelbudget.judge.results import FunctionCost, Instructions
from pytest_modelbudget.units.format import format_share, format_value

_SHOWN = 3


def shares(costs: Sequence[FunctionCost], count: int) -> str:
    """Return the largest costs as shares of ``count``, such as ``conv::Eval 94.6 %``."""
    return ", ".join(
        f"{each.name} {format_share(each.instructions / count)}" for each in costs[:_SHOWN]
    )


def growth(accepted: Instructions, measured: Instructions) -> tuple[str, ...]:
    """Return a line on the functions that grew most, and one on operators that XNNPACK lost.

    Args:
        accepted: The instructions before.
        measured: The instructions now.

    Returns:
        No line on what is not there.
    """
    grown = _grown(accepted.functions, measured.functions)
    ran = {each.name for each in accepted.outside_xnnpack}
    lost = [each for each in measured.outside_xnnpack if each.name not in ran]
    lines = []
    if grown:
        lines.append(f"grew: {', '.join(grown[:_SHOWN])}")
    if lost:
        lines.append(f"not in XNNPACK any more: {shares(lost, measured.count)}")
    return tuple(lines)


def _grown(accepted: Sequence[FunctionCost], measured: Sequence[FunctionCost]) -> list[str]:
    """Return the functions that take more than before, the one that grew most first."""
    before = {each.name: each.instructions for each in accepted}
    added = Counter({each.name: each.instructions for each in measured})
    added.subtract(before)
    return [
        f"{name} +{_counted(more)}"
        + (f" (from {_counted(before[name])})" if name in before else " (new)")
        for name, more in added.most_common()
        if more > 0
    ]


def _counted(instructions: int) -> str:
    return format_value(instructions, "count", "")
