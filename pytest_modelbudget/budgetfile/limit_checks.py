"""Whether a limit can be judged for a variant, whatever its bound is."""

from collections.abc import Iterator

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.document import Document
from pytest_modelbudget.budgetfile.stages import Convert, ServedStage, stage_type
from pytest_modelbudget.budgetfile.targets import HOST, target_kind
from pytest_modelbudget.budgetfile.types import FileSource, Metric
from pytest_modelbudget.budgetfile.variant import Variant
from pytest_modelbudget.judge.limits import LIMITS

Reasons = Iterator[tuple[str, str]]


def why_not_judged(limit: str, variant: Variant, document: Document) -> Reasons:
    """Yield why the limit of a name cannot be judged for ``variant``: what is wrong, and a hint."""
    yield from why_not_measured(limit, variant, document)
    if "score" in LIMITS[limit].needs and not LIMITS[limit].lower_is_better:
        yield from _no_minimum(variant)


def why_not_measured(limit: str, variant: Variant, document: Document) -> Reasons:
    """Yield why the figure of a limit cannot be measured, as ``why_not_judged`` does."""
    needs = LIMITS[limit].needs
    if needs & {"structure", "arena", "instructions"}:
        yield from _not_a_tflite(variant)
    if "instructions" in needs:
        yield from _not_counted(variant)
    if "score" in needs and variant.lacks("data", "test"):
        yield "it is judged on data.test, which is missing", "write data: {test: ...}"
    if "ratio" in needs:
        yield from _without_ratio(variant)
    if needs & {"baseline", "ratio"}:
        yield from _compared_with_itself(variant, document)


def _no_minimum(variant: Variant) -> Reasons:
    metric = Metric() if variant.lacks("metric") else variant.value("metric")
    if metric and not metric.higher_is_better:
        what = f"lower is better for {metric}: a minimum does not limit it"
        yield what, "write max_accuracy_drop"


def _not_a_tflite(variant: Variant) -> Reasons:
    recipe = variant.recipe()
    made = stage_type(recipe[-1].kind).makes if recipe else None
    if made and made != "the .tflite":
        yield f"it is read from a .tflite, and the recipe ends in {recipe[-1].kind}", "leave it out"


def _not_counted(variant: Variant) -> Reasons:
    target = variant.value("latency", "target") or "host"
    if target_kind(target) is not HOST:
        what = f"instructions are only counted on the host, not on {target}"
        yield what, "write latency: {target: host}"
    threads = variant.value("latency", "threads") or 1
    if threads > 1:
        what = f"instructions are counted with one thread, and latency.threads is {threads}"
        yield what, "write latency: {threads: 1}, or give the limit a variant of its own"


def _without_ratio(variant: Variant) -> Reasons:
    target = variant.value("latency", "target") or "host"
    if target_kind(target) is not HOST:
        what = f"a ratio is only measured on the host, not on {target}"
        yield what, "write latency: {target: host}"
    if isinstance(variant.value("baseline"), FixedBaseline):
        what = "the baseline is an accuracy, which has no latency to compare with"
        yield what, "leave baseline out, or write the path of a .tflite"


def _compared_with_itself(variant: Variant, document: Document) -> Reasons:
    """Yield the reason if the baseline is the variant itself."""
    model = variant.value("model")
    if not model or not _is_own_baseline(variant, document):
        return
    name = f"variant {variant.name}: " if variant.name else ""
    subject = model.path.name if isinstance(model, FileSource) else model
    what = f"{name}{subject} would be compared with itself, because its recipe changes nothing"
    yield (
        what,
        "leave the limit out, or write a recipe, or baseline: with the path of another .tflite "
        "or {accuracy: 0.98}",
    )


def _is_own_baseline(variant: Variant, document: Document) -> bool:
    """Return whether the recipe makes what the baseline is; a wrong recipe or baseline does not."""
    baseline, recipe = variant.value("baseline"), variant.settings.get(("recipe",))
    stages = [each.stage for each in variant.recipe()]
    if len(stages) == 1 and isinstance(stages[0], ServedStage):
        # Only without a baseline of its own is it compared with what TensorFlow serves.
        return variant.lacks("baseline") and stages[0] == stages[0].of_baseline()
    if baseline != variant.value("model") if baseline else not variant.lacks("baseline"):
        return False
    if recipe is None or stages:
        return all(stage == Convert() for stage in stages)
    return document.at(recipe.location) in ([], "float32")
