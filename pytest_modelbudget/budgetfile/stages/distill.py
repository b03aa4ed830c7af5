"""The stage ``distill``."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from pytest_modelbudget.budgetfile.references import parse_model
from pytest_modelbudget.budgetfile.stages.stage import ParameterProblem, StageBase, is_tflite
from pytest_modelbudget.budgetfile.types import Positive, PositiveFloat, Source
from pytest_modelbudget.units.invalid import InvalidValueError


class Distill(StageBase):
    """A student trained against the current model (Hinton et al. 2015, arXiv:1503.02531)."""

    trains = True
    needs_keras = True
    starts_anew = True
    gentler = "more `epochs`, another `temperature` or `alpha`, or a larger `student`"
    loses = frozenset({"prune", "prune_channels", "cluster", "quantize_aware"})

    kind: Literal["distill"] = "distill"
    student: str
    temperature: PositiveFloat = 4.0
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.1
    epochs: Positive = 80

    def problems(self) -> Iterator[ParameterProblem]:
        """Yield what makes the student unusable."""
        try:
            student = parse_model(self.student)
        except InvalidValueError as error:
            yield ParameterProblem("student", error.what, error.hint)
            return
        if is_tflite(student):
            what = "a .tflite cannot be trained"
            yield ParameterProblem("student", what, "write a Keras model")

    def own_sources(self) -> tuple[Source, ...]:
        """Return the student."""
        return (parse_model(self.student),)
