"""What explains the value of a limit that is exceeded, as lines of its failure's text."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_modelbudget.judge.contents_diff import ContentsSince
from pytest_modelbudget.judge.findings import FileSize, StageScore
from pytest_modelbudget.judge.function_costs import explain_instructions
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit
from pytest_modelbudget.judge.results.inference_costs import Instructions
from pytest_modelbudget.report.contents_lines import grown, largest
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.units.format import format_bytes, format_score

_WIDTH = 10
_SIZES = {"bytes", "gzip_bytes"}


def line(name: str, text: str) -> str:
    """Return one line of the text of a failure."""
    return f"  {name:<{_WIDTH}}  {text}"


def by_size(row: Row, size: FileSize | None) -> Row:
    """Return ``row`` with the reasons for its file's size, if there are any."""
    if size is None:
        return row
    sizes = [format_bytes(other.size_bytes or 0) for other in size.others]
    width = max(map(len, sizes), default=0)
    lines = [line("why", size.why)]
    for other, amount in zip(size.others, sizes, strict=True):
        is_made = other.size_bytes is not None
        shown = f"{amount:>{width}}  {other.note}" if is_made else f"not made: {other.note}"
        lines.append(line(other.name, shown))
    return row.because("\n".join(lines))


def by_tensor(row: Row, found: ContentsSince | None) -> Row:
    """Return ``row`` with the tensors that are large, or that grew since they were accepted.

    Only the row of a size gets ``grew_most``: a tensor does not explain another figure.
    """
    if found is None:
        return row
    deflated = row.figure == "gzip_bytes"
    shown = grown(found.growth, deflated=deflated) if found.growth else []
    lines = _block("grew most", [f"not known: {found.unknown}"] if found.unknown else shown)
    if row.figure in _SIZES:
        if shown:
            row = replace(row, grew_most=" ".join(shown[0].split()))
        else:
            row = replace(row, grew_most="not known" if found.unknown else "")
            lines += _block("largest", largest(found.contents, deflated=deflated))
    return row.because("\n".join(filter(None, [row.why, _accepted_size(row), *lines])))


def _block(title: str, lines: Sequence[str]) -> list[str]:
    return [line("" if number else title, each) for number, each in enumerate(lines)]


def by_stage(row: Row, scores: Sequence[StageScore], higher_is_better: bool) -> Row:
    """Return ``row`` with the score after each stage, and what helps the one that lost most."""
    if len(scores) < 2:
        return row
    sign = 1 if higher_is_better else -1
    losses = [sign * (one.score - other.score) for one, other in pairwise(scores)]
    shown = [
        f"{each.name} {format_score(each.score)} ({-sign * loss:+.2g})"
        for each, loss in zip(scores[1:], losses, strict=True)
    ]
    stages = "; ".join([f"without the recipe {format_score(scores[0].score)}", *shown])
    most = max(losses)
    worst = scores[1 + losses.index(most)]
    helps = f"{worst.where} lost most: {worst.gentler}" if most > 0 else ""
    return row.because(line("by stage", stages), helps)


def by_function(row: Row, found: Instructions, accepted: Instructions | None) -> Row:
    """Return ``row`` with the functions that take most instructions, and those that grew."""
    return row.because("\n".join(line(*each) for each in explain_instructions(found, accepted)))


def _accepted_size(row: Row) -> str:
    """Return a line with the size that was accepted; nothing if growth itself is limited."""
    is_growth = isinstance(LIMITS[row.name], GrowthLimit)
    if is_growth or row.accepted is None or row.value is None or row.accepted == row.value:
        return ""
    change = row.value - row.accepted
    more = f"{format_bytes(abs(change))} {'more' if change > 0 else 'less'} now"
    return line("accepted", f"{format_bytes(row.accepted)}: {more}")
