"""Why a pruned or clustered file is as large as before, and which recipes make it smaller."""

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_modelbudget.budgetfile.budget import LocatedStage, Recipe
from pytest_modelbudget.budgetfile.stages import Convert, Quantize, Stage
from pytest_modelbudget.errors import Span


@dataclass(frozen=True)
class OtherEnding:
    """A recipe that ends in one stage more; no stage before it trains again.

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
    if not unchanged or Convert(sparse=True) in stages:
        return ""
    trainings, values = (" and ".join(words) for words in zip(*unchanged, strict=True))
    leave = "leave" if len(unchanged) > 1 else "leaves"
    return f"{trainings} {leave} the file as it is: {values} are stored like any other value"


def other_endings(recipe: Recipe, span: Span) -> Iterator[OtherEnding]:
    """Yield the recipes that make the file smaller; none if ``why_same_size`` has no reason.

    Args:
        recipe: The stages as written.
        span: Where messages about an added stage point to.
    """
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


def _ending(recipe: Recipe, span: Span, name: str, written: str, stage: Stage) -> OtherEnding:
    return OtherEnding(name, written, (*recipe, LocatedStage(stage, name, span)))
