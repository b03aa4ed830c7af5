"""Checks of a complete variant: whether limits, stages, model and data go together."""

from collections.abc import Iterator, Sequence

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.certain_passes import certain_passes
from pytest_modelbudget.budgetfile.depends_on import files_of
from pytest_modelbudget.budgetfile.document import Document, Location
from pytest_modelbudget.budgetfile.limit_checks import why_not_judged
from pytest_modelbudget.budgetfile.recipe import WrittenStage
from pytest_modelbudget.budgetfile.references import KERAS_SUFFIXES
from pytest_modelbudget.budgetfile.stages import (
    Convert,
    Quantize,
    SavedModel,
    stage_type,
)
from pytest_modelbudget.budgetfile.stages.saved_model import SERVING_DEFAULT
from pytest_modelbudget.budgetfile.stages.stage import is_tflite
from pytest_modelbudget.budgetfile.targets import HOST, target_kind
from pytest_modelbudget.budgetfile.types import FileSource, Metric
from pytest_modelbudget.budgetfile.variant import Variant
from pytest_modelbudget.errors import Problem
from pytest_modelbudget.units.invalid import shown
from pytest_modelbudget.units.table import Quantity

_FILES = (".keras", ".h5", ".hdf5", ".tflite")  # another model is a SavedModel folder


def variant_problems(
    document: Document, variant: Variant, *, needs_limit: bool
) -> Iterator[Problem]:
    """Yield what is missing, and what contradicts each other."""
    yield from _missing(document, variant, needs_limit)
    yield from _limit_problems(document, variant)
    yield from _score_problems(document, variant)
    yield from _thread_problems(document, variant)
    yield from _file_problems(document, variant)
    yield from _served_problems(document, variant)
    yield from _gated_signature_problems(document, variant)
    for stage in variant.recipe():
        for what, hint in _stage_problems(stage, variant):
            yield stage.problem(document, what, hint)


def _file_problems(document: Document, variant: Variant) -> Iterator[Problem]:
    for index, entry in enumerate(variant.value("depends_on") or ()):
        if not files_of(entry, document.path.parent):
            location = (*variant.settings[("depends_on",)].location, index)
            what = f"no file matches {shown(entry)}"
            hint = "correct it, or leave it out; paths are relative to this file"
            yield document.problem(location, what, hint)


def _served_problems(document: Document, variant: Variant) -> Iterator[Problem]:
    """Yield signatures and a target that do not fit, where the recipe makes no ``.tflite``."""
    recipe = variant.recipe()
    made = stage_type(recipe[-1].kind).makes if recipe else None
    if made is None or made == "the .tflite":
        return
    yield from _signature_problems(document, variant, recipe)
    target = variant.settings.get(("latency", "target"))
    if target and target.value and target_kind(target.value) is not HOST:
        what = f"{target.value} runs a .tflite, and the recipe ends in {recipe[-1].kind}"
        yield document.problem_of_key(target.location, what, "leave it out, or write host")


def _signature_problems(
    document: Document, variant: Variant, recipe: Sequence[WrittenStage]
) -> Iterator[Problem]:
    """Yield what is wrong with the signatures that a SavedModel keeps."""
    stage, model = recipe[-1].stage, variant.value("model")
    if not isinstance(stage, SavedModel) or model is None:
        return
    if problem := _unmeasured_signature(stage, variant):
        location = (*recipe[-1].location, "signatures")
        yield document.problem_of_key(location, *problem)
    is_folder = isinstance(model, FileSource) and model.path.suffix.lower() not in _FILES
    absent = [name for name in stage.signatures if name != SERVING_DEFAULT]
    if absent and (len(recipe) > 1 or not is_folder):
        what = f"a Keras model has no signature {absent[0]}, only {SERVING_DEFAULT}"
        location = (*recipe[-1].location, "signatures")
        yield document.problem_of_key(location, what, "leave it out")


def _unmeasured_signature(stage: SavedModel, variant: Variant) -> tuple[str, str] | None:
    """Return what is wrong if the signature to measure is not known, or not kept."""
    kept, named = stage.signatures, variant.value("signature")
    if named:
        is_kept = named in kept or "signatures" not in stage.model_fields_set
        return None if is_kept else (f"signature: names {named}, which is left out", f"add {named}")
    if SERVING_DEFAULT in kept or len(kept) == 1:
        return None
    what = f"accuracy and latency are measured on {SERVING_DEFAULT}, which is left out"
    return what, f"write signature: with one of {', '.join(kept)}, or keep only one"


def _missing(document: Document, variant: Variant, needs_limit: bool) -> Iterator[Problem]:
    if variant.lacks("model"):
        hint = "write model: package.module:callable, or a path"
        yield document.problem_of_key(variant.location, "model is missing", hint)
    if needs_limit and not variant.limits() and variant.lacks("budget"):
        hint = "write at least one under budget:, such as max_bytes: 900 KiB"
        yield document.problem_of_key(_budget_key(document, variant), "there is no limit", hint)


def _budget_key(document: Document, variant: Variant) -> Location:
    """Return where an empty `budget` is written, or the variant that has none."""
    places: list[Location] = [(*variant.location, "budget"), ("budget",)]
    return next((place for place in places if place in document.keys), variant.location)


def _limit_problems(document: Document, variant: Variant) -> Iterator[Problem]:
    for name, limit in variant.limits().items():
        for what, hint in why_not_judged(name, variant, document):
            yield document.problem_of_key(limit.location, what, hint)


def _thread_problems(document: Document, variant: Variant) -> Iterator[Problem]:
    threads = variant.settings.get(("latency", "threads"))
    target = variant.value("latency", "target") or "host"
    if threads and (threads.value or 1) > 1 and not target_kind(target).has_threads:
        what = f"only host and adb have threads to choose, not {target}"
        yield document.problem_of_key(threads.location, what, "leave it out, or write 1")


def _score_problems(document: Document, variant: Variant) -> Iterator[Problem]:
    """Yield limits and a baseline that the metric does not support."""
    metric = Metric() if variant.lacks("metric") else variant.value("metric")
    if metric is None:
        return
    limits = variant.limits()
    drop = limits.get("max_accuracy_drop")
    is_error = metric.name in ("mae", "mse")
    if is_error and drop and isinstance(drop.value, Quantity) and drop.value.unit == "pp":
        what = f"points only make sense for a metric between 0 and 1, not for {metric}"
        hint = "write the drop in the metric's own units, such as 0.005"
        yield document.problem(drop.location, what, hint)
    if metric.lies_between_0_and_1:
        yield from _above_one(document, variant, metric)
        yield from certain_passes(document, metric, limits, variant.value("baseline"))


def _gated_signature_problems(document: Document, variant: Variant) -> Iterator[Problem]:
    model, signature = variant.value("model"), variant.settings.get(("signature",))
    is_keras = isinstance(model, FileSource) and model.path.suffix.lower() in KERAS_SUFFIXES
    if signature and is_keras:
        what = f"{model.path.name} is a Keras model, which has no signatures"
        yield document.problem_of_key(signature.location, what, "leave signature out")


def _above_one(document: Document, variant: Variant, metric: Metric) -> Iterator[Problem]:
    limits = variant.limits()
    names = ("max_accuracy_drop", "min_accuracy")
    scores = {limits[name].location: limits[name].value for name in names if name in limits}
    baseline = variant.settings.get(("baseline",))
    if baseline and isinstance(baseline.value, FixedBaseline):
        scores[(*baseline.location, "accuracy")] = baseline.value.score
    for location, score in scores.items():
        score = score.value if isinstance(score, Quantity) else score
        if score is not None and score > 1:
            what = f"{metric} lies between 0 and 1, got {score:g}"
            yield document.problem(location, what, f"write {score / 100:g} for {score:g} percent")


def _stage_problems(stage: WrittenStage, variant: Variant) -> Iterator[tuple[str, str]]:
    """Yield what ``stage`` needs and the variant lacks: what is wrong, and a hint."""
    if stage_type(stage.kind).trains and variant.lacks("data", "train"):
        yield "trains, and data.train is missing", "write data: {train: ...}"
    quantize = stage.stage if isinstance(stage.stage, Quantize) else None
    uncalibrated = variant.lacks("data", "calibration") and variant.lacks("data", "train")
    if quantize is not None and quantize.needs_calibration and uncalibrated:
        what = "needs samples, and both data.calibration and data.train are missing"
        yield what, "write data: {calibration: ...}"
    model = variant.value("model")
    if model and is_tflite(model):
        with_converter = quantize is not None and quantize.backend == "converter"
        needs_keras = stage_type(stage.kind).needs_keras and stage.stage != Convert(sparse=True)
        if needs_keras or with_converter:
            what = f"needs a Keras model, and {model.path.name} is a .tflite"
            yield what, "write the Keras model that it was converted from"
