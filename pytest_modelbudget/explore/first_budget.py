"""From a model and its data to a budget file: a draft with all presets, and the chosen part."""

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.engine.pipeline import PipelineOptions
from pytest_modelbudget.errors import BudgetFileError, ModelBudgetError, Problem
from pytest_modelbudget.explore.bounds import LATENCY_ROOM, bounds_of
from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.explore.request import Request
from pytest_modelbudget.protocol.named_code import NamedCode, import_folder
from pytest_modelbudget.units.format import format_share

FIGURES = ("bytes", "gzip_bytes", "accuracy", "accuracy_drop", "latency", "latency_ratio")
"""What is measured of each preset."""

_NEEDS = {"data.calibration": "needs --calibration or --train", "data.train": "needs --train"}

_GIVEN = {"model": "MODEL", "metric": "--metric"} | {
    f"data > {name}": f"--{name}" for name in ("test", "train", "calibration")
}
"""Keys of a budget file, as the user gave them to the command."""


@dataclass(frozen=True)
class Start:
    """What will be measured of a model.

    Attributes:
        request: The model and its data.
        budgets: One for each preset that can apply.
        skipped: Why the others cannot, by preset.
        guess: What the metric was guessed from; empty if it was given.
    """

    request: Request
    budgets: tuple[Budget, ...]
    skipped: Mapping[str, str]
    guess: str = ""


def draft(request: Request, options: PipelineOptions, presets: Sequence[str]) -> Start:
    """Read the draft of a budget file with the reader of budget files.

    Raises:
        ModelBudgetError: If something else than a preset is wrong, or no preset can be applied.
    """
    project = options.project
    places = [import_folder(request.file), *project.sys_path, str(project.rootdir)]
    code = NamedCode(places, project.rootdir, project.why_rootdir)
    skipped: dict[str, str] = {}
    try:
        text = request.draft(presets)
        return Start(request, load(request.file, code, judged=False, text=text), skipped)
    except BudgetFileError as error:
        first_line = len(request.head().splitlines()) + 2
        for problem in error.problems:
            if problem.span.line < first_line:
                raise ModelBudgetError(_without_place(problem, request)) from error
            preset = presets[problem.span.line - first_line]
            need = next((need for what, need in _NEEDS.items() if what in problem.what), "")
            if need:
                skipped.setdefault(preset, need)
            else:  # more data would not help
                skipped[preset] = problem.what
    rest = [preset for preset in presets if preset not in skipped]
    if not rest:
        reasons = "; ".join(f"{preset} {why}" for preset, why in skipped.items())
        raise ModelBudgetError(f"no preset can be applied: {reasons}")
    text = request.draft(rest)
    return Start(request, load(request.file, code, judged=False, text=text), skipped)


def budget_text(
    start: Start,
    chosen: Sequence[MeasuredVariant],
    headroom: float,
    left_out: Mapping[str, str],
) -> str:
    """Return the text of a budget file that the chosen variants pass.

    Args:
        start: The model, its data, and what was not measured.
        chosen: What was measured of the variants to write.
        headroom: The share by which a size may grow.
        left_out: Why other variants are not written, by name.
    """
    about = _comment(
        "Written by `modelbudget init`. Each limit is a test: run `pytest`. Sizes may grow by "
        f"{format_share(headroom)} from what was measured. Change the limits as you need."
    )
    metric = _comment(f"The metric was guessed: {start.guess}.") if start.guess else ""
    notes = [*_explained(chosen), *_unmeasured(chosen), *_missing(start, left_out)]
    variants = "".join(_variant(each, headroom) for each in chosen)
    comments = "".join(map(_comment, notes))
    return f"{about}{start.request.head({'metric': metric})}\n{comments}variants:\n{variants}"


def _missing(start: Start, left_out: Mapping[str, str]) -> Iterator[str]:
    """Yield what is not in the file and why, and what to add."""
    if "test" not in start.request.data:
        yield (
            "There is no limit of the score, because there is no test data. Add `test:` below "
            "`data:`, and a limit such as `max_accuracy_drop: 1 pp` below each `budget:`."
        )
    for why, names in by_reason(dict(start.skipped) | dict(left_out)).items():
        yield f"Not here: {', '.join(names)}: {why}."


def by_reason(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the presets that have the same reason, by that reason.

    Args:
        reasons: Why a preset is not there, by its name.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name, why in reasons.items():
        found[why].append(name)
    return found


def _unmeasured(chosen: Sequence[MeasuredVariant]) -> Iterator[str]:
    """Yield which limits are not in the file because something was not measured."""
    for each in chosen:
        for row in each.unmeasured():
            yield f"{each.name} has no limit of {row.name}, which was not measured: {row.how}."


def presets_of(written: str) -> list[str]:
    """Return the presets that ``--variants`` names, separated by commas.

    Raises:
        ModelBudgetError: If one of them is unknown.
    """
    names = [name.strip() for name in written.split(",") if name.strip()]
    unknown = [name for name in names if name not in PRESETS]
    if unknown or not names:
        raise ModelBudgetError(
            f"--variants: {', '.join(unknown) or 'nothing'} is not a preset; known are "
            f"{', '.join(PRESETS)}"
        )
    return list(dict.fromkeys(names))


def _explained(chosen: Sequence[MeasuredVariant]) -> list[str]:
    """Return the reasons for the limits in the file."""
    found = []
    if any(each.row("accuracy_drop") for each in chosen):
        found.append(
            "max_accuracy_drop is against the float model in the same interpreter. It is the "
            "high end of the 95 % interval of the drop, or half the width of the interval if that "
            "is more: this test set cannot detect smaller changes. More test samples allow a "
            "smaller limit."
        )
    if any(each.row("latency_ratio") for each in chosen):
        found.append(
            "max_latency_ratio is against the float model, both measured alternately in one "
            "process, so a slow or busy machine slows both. It is "
            f"{LATENCY_ROOM:g} times what was measured, because other CPUs have other kernels. "
            "A limit in ms would fail on the next machine."
        )
    return found


def _variant(variant: MeasuredVariant, headroom: float) -> str:
    lines = [f"  {variant.name}:", f"    recipe: {variant.name}", "    budget:"]
    bounds = [*bounds_of(variant, headroom)]
    written = [f"      {bound.limit}: {bound.written}" for bound in bounds]
    width = max(map(len, written), default=0)
    lines += [
        f"{line:<{width}}  # {bound.measured}" for line, bound in zip(written, bounds, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    return textwrap.fill(text, 98, initial_indent="# ", subsequent_indent="# ") + "\n"


def _without_place(problem: Problem, request: Request) -> str:
    """Return a problem without its place in a file that is not written yet."""
    where = _GIVEN.get(problem.where, problem.where)
    if imported := re.fullmatch(r"imports\[(\d+)\]", where):  # perhaps not named by the user
        where = f"{request.imports[int(imported[1])]}, imported for custom layers"
    text = ": ".join(filter(None, [where, problem.what]))
    return f"{text}; {problem.hint}" if problem.hint else text
