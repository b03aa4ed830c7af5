"""Where the instructions of an invocation are, and where they have grown; pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_modelbudget.judge.results.inference_costs import FunctionCost, Instructions
from pytest_modelbudget.units.format import format_share

_SHOWN = 3


def explain_instructions(
    measured: Instructions, accepted: Instructions | None
) -> Iterator[tuple[str, str]]:
    """Yield what explains a count: a name, and a text.

    Args:
        measured: The instructions now.
        accepted: Those of the accepted artifact, if they are known.
    """
    yield "functions", _shares(measured.functions, measured.count)
    invoked = measured.count + measured.uncounted
    if measured.outside_xnnpack:
        yield "no XNNPACK", _shares(measured.outside_xnnpack, invoked)
    if accepted is None:
        return
    if grown := _grown(accepted.functions, measured.functions):
        yield "grew", _listed(grown)
    before = {each.name for each in accepted.outside_xnnpack}
    if fell_back := [each for each in measured.outside_xnnpack if each.name not in before]:
        yield "fell back", f"no longer in XNNPACK: {_shares(fell_back, invoked)}"


def _shares(costs: Sequence[FunctionCost], count: int) -> str:
    """Return the largest costs as shares of ``count``, such as ``conv::Eval 94.6 %``."""
    return _listed([f"{each.name} {format_share(each.instructions / count)}" for each in costs])


def _grown(accepted: Sequence[FunctionCost], measured: Sequence[FunctionCost]) -> list[str]:
    """Return the functions that take more than before, the one that grew most first."""
    before = {each.name: each.instructions for each in accepted}
    added = Counter({each.name: each.instructions for each in measured})
    added.subtract(before)
    origin = {name: f"from {instructions:,}" for name, instructions in before.items()}
    return [
        f"{name} +{more:,} ({origin.get(name, 'new')})"
        for name, more in added.most_common()
        if more > 0
    ]


def _listed(texts: Sequence[str]) -> str:
    """Return the first of ``texts``, of which the most important come first."""
    return ", ".join(texts[:_SHOWN])
