"""A stage of the user's own."""

from typing import Literal

from pydantic import Field, JsonValue

from pytest_modelbudget.budgetfile.stages.stage import StageBase
from pytest_modelbudget.budgetfile.types import CallSource, Source


class UserStage(StageBase):
    """A callable of the user's own: a Keras model in, a Keras model out."""

    needs_keras = True
    loses = frozenset({"quantize_aware"})

    kind: Literal["call"] = "call"
    call: str
    args: dict[str, JsonValue] = Field(default_factory=dict)

    def own_sources(self) -> tuple[Source, ...]:
        """Return the callable."""
        return (CallSource(call=self.call, args=self.args),)
