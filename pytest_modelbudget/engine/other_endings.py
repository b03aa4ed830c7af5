"""Why a file is as large as it is, and which recipes make it smaller."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_modelbudget.budgetfile.budget import LocatedStage, Recipe
from pytest_modelbudget.budgetfile.stages import (
    Convert,
    KerasFile,
    Quantize,
    SavedModel,
    ServedStage,
    Stage,
)
from pytest_modelbudget.errors import Span


@dataclass(frozen=True)
class OtherEnding:
    """A recipe that ends in one stage more or in another one; no stage trains again.

    Attributes:
        name: In one word.
        written: What to write in the recipe.
        recipe: The stages.
    """

    name: str
    written: str
    recipe: Recipe


def why_same_size(recipe: Recipe) -> str:
    """Return why the file is as large as without some stages; empty if none leaves it so."""
    stages = [located.stage for located in recipe]
    unchanged = dict.fromkeys(stage.size_unchanged for stage in stages if stage.size_unchanged)
    is_served = any(isinstance(stage, ServedStage) for stage in stages)
    if not unchanged or is_served or Convert(sparse=True) in stages:
        return ""
    trainings, values = (" and ".join(words) for words in zip(*unchanged, strict=True))
    leave = "leave" if len(unchanged) > 1 else "leaves"
    return f"{trainings} {leave} the file as it is: {values} are stored like any other value"


def other_endings(recipe: Recipe, span: Span) -> Iterator[OtherEnding]:
    """Yield the recipes that make the file smaller, as far as it is known why it is large.

    That is where ``why_same_size`` has a reason, and where TensorFlow serves the file.

    Args:
        recipe: The stages as written.
        span: Where messages about an added stage point to.
    """
    if recipe and isinstance(recipe[-1].stage, SavedModel | KerasFile):
        yield from _stripped_more(recipe, recipe[-1].stage)
    if not why_same_size(recipe):
        return
    stages = [located.stage for located in recipe]
    kinds = {stage.kind for stage in stages}
    encodable = all(stage.is_encodable for stage in stages if isinstance(stage, Quantize))
    if "prune" in kinds and encodable:
        stage = Convert(sparse=True)
        yield _ending(recipe, span, "sparse", "convert: {sparse: true}", stage)
    if not kinds & {"quantize", "quantize_aware"}:
        for scheme in ("dynamic", "float16", "int8"):
            quantize = Quantize.model_validate({"scheme": scheme})
            yield _ending(recipe, span, scheme, f"quantize: {{scheme: {scheme}}}", quantize)


def _stripped_more(recipe: Recipe, stage: SavedModel | KerasFile) -> Iterator[OtherEnding]:
    """Yield the recipe with each part stripped that it keeps, with all, and with less beside."""
    needless = type(stage)().strip
    missing = [part for part in needless if part not in stage.strip]
    for part in missing:
        strip = tuple(each for each in needless if each in (*stage.strip, part))
        yield _changed(recipe, "strip", {"strip": strip})
    if len(missing) > 1:
        yield _changed(recipe, "strip", {"strip": needless})
    if isinstance(stage, SavedModel) and stage.weights == "float32":
        yield _changed(recipe, "float16", {"strip": needless, "weights": "float16"})
    if isinstance(stage, SavedModel) and stage.assets == "keep":
        yield _changed(recipe, "assets", {"assets": "used"})


def _changed(recipe: Recipe, name: str, changes: Mapping[str, object]) -> OtherEnding:
    last = recipe[-1]
    stage = type(last.stage).model_validate(last.stage.model_dump() | dict(changes))
    ending = LocatedStage(stage, last.where, last.span)
    return OtherEnding(name, _written(stage), (*recipe[:-1], ending))


def _written(stage: Stage) -> str:
    """Return what to write for a stage: its kind, and the parameters that are not the defaults."""
    parameters = stage.model_dump(mode="json", exclude_defaults=True)
    shown = [
        f"{name}: [{', '.join(value)}]" if isinstance(value, list) else f"{name}: {value}"
        for name, value in parameters.items()
    ]
    return f"{stage.kind}: {{{', '.join(shown)}}}" if shown else stage.kind


def _ending(recipe: Recipe, span: Span, name: str, written: str, stage: Stage) -> OtherEnding:
    return OtherEnding(name, written, (*recipe, LocatedStage(stage, name, span)))
