"""``modelbudget init``: measures a model under the presets and writes a budget file."""

import argparse
import os
import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.lookalikes import GLOBS, is_skipped
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.cli.init_output import RecordOutput, TableOutput, Watcher
from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.explore.first_budget import Start, budget_text, presets_of
from pytest_modelbudget.explore.front import left_out
from pytest_modelbudget.explore.measure import TIME_OVER, Measuring, begin
from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.explore.project_options import project_options
from pytest_modelbudget.explore.request import Request, request_of
from pytest_modelbudget.explore.template import TEMPLATE
from pytest_modelbudget.report.text_file import check_file, write_file
from pytest_modelbudget.units.invalid import InvalidValueError
from pytest_modelbudget.units.parse import parse_duration, parse_share

HELP = "measure a model under the presets, and write a budget file that it passes"
EXAMPLES = """\
examples:
  modelbudget init model.keras --test test.npz
  modelbudget init model.keras --test test.npz --train train.npz --time 10m
  modelbudget init model.tflite --calibration train.npz --variants int8,dynamic
  modelbudget init package.models:build --test package.data:test
  modelbudget init                      write a template with comments

An .npz has the samples as x and their labels as y. What is measured is cached
where pytest will find it: after an interrupt the same command continues, and
the first `pytest` builds nothing.
"""
INTERRUPTED = 130
_AS_OPTIONS = {
    "write trust_code: true": "add --trust-code",
    "write signature: with": "add --signature with",
    "leave signature out": "leave --signature out",
    "under imports": "with --imports",
    "with --budget-cache=DIR": "with `modelbudget_cache = DIR` in pytest.ini",
}
"""Advice about budget files and options of pytest, and what to write instead for this command."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, its data and how the file is written."""
    source = "an .npz with x and y, or package.module:callable"
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a .keras, .h5 or .tflite file, a SavedModel folder, or package.module:callable that "
        "returns a Keras model; without it, a template is written",
    )
    parser.add_argument("--test", default="", metavar="DATA", help=f"for the score: {source}")
    parser.add_argument(
        "--train",
        default="",
        metavar="DATA",
        help="for presets that train; its first samples also calibrate",
    )
    parser.add_argument(
        "--calibration", default="", metavar="DATA", help="for int8 and int16x8: 100 to 500 samples"
    )
    parser.add_argument(
        "--metric", default="", help="as in a budget file, such as auc (default: guessed)"
    )
    parser.add_argument(
        "--signature",
        default="",
        metavar="NAME",
        help="which one of a .tflite or SavedModel that has several",
    )
    parser.add_argument(
        "-o", dest="file", type=Path, metavar="FILE", help="default: budgets/MODEL.budget.yaml"
    )
    parser.add_argument("--time", default="5m", help="for the presets that train (default: 5m)")
    parser.add_argument(
        "--headroom", default="5%", help="how much larger a file may become (default: 5%%)"
    )
    parser.add_argument(
        "--variants",
        default="",
        metavar="PRESETS",
        help="the presets to measure and to write, "
        "separated by commas (default: those that no other preset beats)",
    )
    parser.add_argument(
        "--imports",
        nargs="+",
        default=(),
        metavar="MODULE",
        help="modules with custom layers (default: those that a .keras file names)",
    )
    parser.add_argument(
        "--trust-code", action="store_true", help="let Python code in the model file run"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--json", action="store_true", help="print one JSON record for each result")


def run(options: argparse.Namespace) -> int:
    """Measure and write; return 130 if interrupted."""
    file = _file(options)
    if options.model is None:
        _write(file, TEMPLATE)
        print(f"{as_seen(file)} is a template: name your model and data in it, then run pytest")
        return 0
    headroom, training_s = _share(options.headroom), _seconds(options.time)
    request = request_of(
        file,
        options.model,
        {name: getattr(options, name) for name in ("train", "test", "calibration")},
        metric=options.metric,
        imports=options.imports,
        trust_code=options.trust_code,
        signature=options.signature,
    )
    presets = presets_of(options.variants) if options.variants else list(PRESETS)
    shown: Watcher = RecordOutput() if options.json else TableOutput(training_s)
    try:
        start, measured = _measure(request, presets, training_s, shown)
    except KeyboardInterrupt:
        shown.interrupted()
        return INTERRUPTED
    except ModelBudgetError as error:
        text = str(error)
        for key, option in _AS_OPTIONS.items():
            text = text.replace(key, option)
        raise ModelBudgetError(text) from error
    finally:
        shown.watch("")
    reasons = {} if options.variants else left_out(measured)
    chosen = [each for each in measured if not each.why_not and each.name not in reasons]
    if not chosen:
        raise ModelBudgetError(_why_nothing(measured))
    text = budget_text(start, chosen, headroom, reasons)
    load(file, text=text)  # a file that pytest refuses is never written
    _require_free(file, options)
    _write(file, text)
    shown.written(file, [each.name for each in chosen])
    return 0


def _measure(
    request: Request, presets: Sequence[str], training_s: float, shown: Watcher
) -> tuple[Start, list[MeasuredVariant]]:
    """Measure the presets that can apply, and show each.

    Raises:
        ModelBudgetError: If the model or the data cannot be used.
    """
    options = project_options(request.file.parent)
    measured: list[MeasuredVariant] = []
    with Measuring(options, training_s, shown.watch) as measuring:
        start = begin(measuring, request, options, presets)
        shown.begin(start)
        for variant in measuring.drafted(start):
            if not measured:
                _require_score(variant)
            shown.add(variant)
            measured.append(variant)
    return start, measured


def _require_score(first: MeasuredVariant) -> None:
    """Stop early where the data does not fit the model, or the metric the data.

    Raises:
        ModelBudgetError: If the score of the first variant could not be measured.
    """
    reasons = [row.how for row in first.rows if (row.name, row.outcome) == ("accuracy", "skipped")]
    if reasons:
        raise ModelBudgetError(reasons[0])


def _why_nothing(measured: Sequence[MeasuredVariant]) -> str:
    reasons = list(dict.fromkeys(each.why_not for each in measured if each.why_not))
    if not reasons:
        return "every preset loses too much of the score; choose some with --variants"
    more = "; give it more, such as --time 10m" if TIME_OVER in reasons else ""
    return f"no preset could be measured: {'; '.join(reasons)}{more}"


def _file(options: argparse.Namespace) -> Path:
    """Return the path of the budget file, after a check that it can be written.

    Raises:
        ModelBudgetError: If it cannot, if it exists, or if pytest would not collect it.
    """
    name = (options.model or "model").rstrip("/").rpartition(":")[2]
    file: Path = options.file or Path("budgets", f"{Path(name).stem}.budget.yaml")
    if not any(fnmatch(file.name, glob) for glob in GLOBS):
        better = file.with_name(f"{file.stem}.budget.yaml")
        raise ModelBudgetError(f"-o {file}: pytest would not collect it; write -o {better}")
    folders = [part for part in file.parent.parts if part not in ("..", "/")]
    if skipped_by := next(filter(is_skipped, folders), ""):
        raise ModelBudgetError(f"-o {file}: pytest skips the folder {skipped_by}; name another")
    _require_free(file, options)
    check_file(file)
    return Path(os.path.abspath(file))


def _require_free(file: Path, options: argparse.Namespace) -> None:
    if file.exists() and not options.force:
        name = as_seen(file)
        raise ModelBudgetError(f"{name} exists; write --force to replace it, or -o with another")


def _write(file: Path, text: str) -> None:
    try:
        write_file(file, text)
    except OSError as error:
        raise ModelBudgetError(
            f"{as_seen(file)} cannot be written: {error.strerror}; what was measured is kept, so "
            "the same command is fast when it can"
        ) from error


def _share(written: str) -> float:
    try:
        return float(parse_share(written).value)
    except InvalidValueError as error:
        raise ModelBudgetError(f"--headroom: {error}") from error


def _seconds(written: str) -> float:
    """Return the seconds of ``5m`` or of a duration as in a budget file."""
    text = re.sub(r"(\d)\s*m$", r"\1 min", written.strip())
    try:
        return float(parse_duration(text).value)
    except InvalidValueError as error:
        raise ModelBudgetError(f"--time: {error}") from error
