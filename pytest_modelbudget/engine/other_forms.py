"""Why a pruned or clustered file is as large as before, and what would make it smaller."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_modelbudget.budgetfile.stages import Convert, Quantize, Stage
from pytest_modelbudget.budgetfile.types import Budget, LocatedStage

_GAIN = {"prune": ("pruning", "zeros"), "cluster": ("clustering", "repeated values")}
_UNENCODABLE = ("dynamic", "int4")


@dataclass(frozen=True)
class OtherForm:
    """Another end of the same recipe, from the same trained model.

    Attributes:
        name: In one word.
        written: What to write in the recipe.
        budget: The variant with that recipe.
    """

    name: str
    written: str
    budget: Budget


@dataclass(frozen=True)
class OtherSize:
    """What another form takes, and a note on it; None where it could not be made."""

    name: str
    size_bytes: int | None
    note: str


@dataclass(frozen=True)
class FileSize:
    """Why the file is as large as it is, and the sizes of its other forms."""

    why: str
    others: tuple[OtherSize, ...]


def why_as_large(budget: Budget) -> str:
    """Say why the file is as large as without the stages that should have made it smaller.

    Returns:
        One line; nothing if no stage leaves the file as it is.
    """
    stages = [located.stage for located in budget.recipe]
    kinds = {stage.kind for stage in stages}
    gains = [gain for kind, gain in _GAIN.items() if kind in kinds]
    if not gains or Convert(sparse=True) in stages:
        return ""
    trainings, values = (" and ".join(words) for words in zip(*gains, strict=True))
    leave = "leave" if len(gains) > 1 else "leaves"
    return f"{trainings} {leave} the file as it is: {values} are stored like any other value"


def other_forms(budget: Budget) -> Iterator[OtherForm]:
    """Yield the other forms of a file that ``why_as_large`` explains; none retrains the model."""
    stages = [located.stage for located in budget.recipe]
    kinds = {stage.kind for stage in stages}
    encodable = not any(isinstance(s, Quantize) and s.scheme in _UNENCODABLE for s in stages)
    if "prune" in kinds and encodable:
        yield _form(budget, "sparse", "convert: {sparse: true}", Convert(sparse=True))
    if not kinds & {"quantize", "quantize_aware"}:
        for scheme in ("dynamic", "float16", "int8"):
            stage = Quantize.model_validate({"scheme": scheme})
            yield _form(budget, scheme, f"quantize: {{scheme: {scheme}}}", stage)


def _form(budget: Budget, name: str, written: str, stage: Stage) -> OtherForm:
    added = LocatedStage(stage, name, budget.span)
    return OtherForm(name, written, replace(budget, recipe=(*budget.recipe, added)))
