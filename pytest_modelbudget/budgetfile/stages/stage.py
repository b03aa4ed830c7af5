"""What all stages of a recipe have in common: the facts that the rest of the package asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeGuard

from pydantic import Field

from pytest_modelbudget.budgetfile.types import Data, FileSource, Source
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.results.artifact_forms import Form

Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


class LayerSelection(Frozen):
    """Layers chosen by name glob or layer class: only these, or all but these."""

    only: Sequence[Name] = ()
    skip: Sequence[Name] = ()

    def problems(self) -> "Iterator[ParameterProblem]":
        """Yield what is wrong with a selection that is written in a stage."""
        if not self.only and not self.skip:
            yield NO_LAYER
        elif self.only and self.skip:
            yield ParameterProblem("layers", "only and skip exclude each other", "keep one of them")


@dataclass(frozen=True)
class ParameterProblem:
    """A parameter that does not go with the others: what is wrong, and what to write instead."""

    parameter: str
    what: str
    hint: str


NO_LAYER = ParameterProblem("layers", "no layer is named", "leave it out for all layers")


class StageBase(Frozen):
    """One stage of a recipe; a subclass adds its parameters with their defaults.

    Attributes:
        kind: The stage's name in a recipe; ``call`` for a stage of the user's own.
        trains: Whether it trains on ``data.train``.
        needs_keras: Whether it works on the Keras model, so that no ``.tflite`` may come before.
        makes: What its result is; None if it is a Keras model for the next stage.
        ends: Whether no other stage may follow.
        starts_anew: Whether its result is another network, without what earlier stages did to
            single weights.
        once: Whether a recipe may have it only once.
        loses: The kinds of earlier stages whose result it would lose.
        size_unchanged: What it does and what that makes, where the ``.tflite`` stays as large.
        gentler: What helps where it lost too much of the score.
    """

    kind: str
    trains: ClassVar[bool] = False
    needs_keras: ClassVar[bool] = False
    makes: ClassVar[Form | None] = None
    ends: ClassVar[bool] = False
    starts_anew: ClassVar[bool] = False
    once: ClassVar[bool] = False
    loses: ClassVar[frozenset[str]] = frozenset()
    size_unchanged: ClassVar[tuple[str, str] | None] = None
    gentler: ClassVar[str] = "other parameters"

    def problems(self) -> Iterator[ParameterProblem]:
        """Yield parameters that exclude each other."""
        yield from ()

    @classmethod
    def name(cls) -> str:
        """Return the ``kind`` of every instance."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def conflict_after(cls, earlier: "type[StageBase]") -> tuple[str, str] | None:
        """Return what is wrong with this stage behind ``earlier``, and what to write instead."""
        if cls.once and earlier is cls:
            return "appears twice", "leave one of them out"
        before = f"put it before {earlier.name()}"
        if cls.makes and earlier.makes and cls.makes != earlier.makes:
            what = f"makes {cls.makes}, and {earlier.name()} makes {earlier.makes}"
            return what, "leave one of them out"
        if earlier.ends or (cls.needs_keras and earlier.makes):
            return f"runs after {earlier.name()}, which already produced {earlier.makes}", before
        if earlier.name() in cls.loses:
            return f"loses what {earlier.name()} made", before
        return None

    def data_read(self, data: Data) -> Data:
        """Return the part of ``data`` that the stage reads: no other is in its content key."""
        return Data(train=data.train) if self.trains else Data()

    def own_sources(self) -> tuple[Source, ...]:
        """Return the models and callables that the stage's own parameters name."""
        return ()

    def needs_tensorflow(self, model: Source) -> bool:
        """Tell whether the stage must run in a process with TensorFlow.

        Args:
            model: What the recipe starts from.
        """
        return not is_tflite(model)


class LayerStage(StageBase):
    """A stage that works on some layers or all."""

    layers: LayerSelection = LayerSelection()

    def problems(self) -> Iterator[ParameterProblem]:
        """Yield parameters that exclude each other."""
        if "layers" in self.model_fields_set:
            yield from self.layers.problems()


def is_tflite(model: Source) -> TypeGuard[FileSource]:
    """Tell whether ``model`` is the path of a ``.tflite``, by its name."""
    return isinstance(model, FileSource) and model.path.suffix.lower() == ".tflite"
