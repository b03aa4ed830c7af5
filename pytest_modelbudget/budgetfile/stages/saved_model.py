"""The stages ``saved_model`` and ``keras_file``: a recipe that TensorFlow serves ends in one."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field

from pytest_modelbudget.budgetfile.stages.quantize_aware import QuantizeAware
from pytest_modelbudget.budgetfile.stages.stage import Name, ParameterProblem, StageBase
from pytest_modelbudget.frozen import Sequence

SERVING_DEFAULT = "serving_default"
Stripped = Literal["optimizer", "training_functions", "debug_info", "default_attributes"]
STRIPPED: tuple[Stripped, ...] = (
    "optimizer",
    "training_functions",
    "debug_info",
    "default_attributes",
)


class ServedStage(StageBase):
    """A stage whose result TensorFlow runs: it ends the recipe."""

    needs_keras = True
    once = True
    ends = True

    @classmethod
    def conflict_after(cls, earlier: type[StageBase]) -> tuple[str, str] | None:
        """Return what is wrong with this stage behind ``earlier``, and what to write instead."""
        if earlier is QuantizeAware:
            what = f"would store the weights of quantize_aware as floats in {cls.makes}"
            return what, "leave one of them out: only a .tflite stores them as integers"
        return super().conflict_after(earlier)

    def of_baseline(self) -> Self:
        """Return the stage that makes the baseline: the same artifact of the unchanged model."""
        return self

    def with_signature(self, signature: str) -> Self:  # noqa: ARG002
        """Return the stage for the signature that the budget file names, if it names one."""
        return self

    @property
    def gated_signature(self) -> str:
        """The signature that is measured where the budget file names none."""
        return SERVING_DEFAULT


class SavedModel(ServedStage):
    """The artifact is a SavedModel directory, by default with what a server needs.

    Attributes:
        strip: What is left out.
        signatures: Those that are kept, by default the one that is measured. What no signature
            reads goes with ``optimizer`` and ``training_functions``.
        weights: The type that float variables are stored as.
        assets: Whether files that no signature reads are kept too, such as warm-up requests.
    """

    makes = "the SavedModel"

    kind: Literal["saved_model"] = "saved_model"
    strip: Sequence[Stripped] = STRIPPED
    signatures: Annotated[Sequence[Name], Field(min_length=1)] = (SERVING_DEFAULT,)
    weights: Literal["float32", "float16"] = "float32"
    assets: Literal["keep", "used"] = "keep"

    def with_signature(self, signature: str) -> Self:
        """Return the stage for the signature that the budget file names, if it names one."""
        if not signature or "signatures" in self.model_fields_set:
            return self
        return self.model_copy(update={"signatures": (signature,)})

    @property
    def gated_signature(self) -> str:
        """The signature that is measured where the budget file names none."""
        return SERVING_DEFAULT if SERVING_DEFAULT in self.signatures else self.signatures[0]

    def of_baseline(self) -> Self:
        """Return the stage that makes the baseline: the same artifact of the unchanged model."""
        return self.model_copy(update={"weights": "float32"})

    def problems(self) -> Iterator[ParameterProblem]:
        """Yield parameters that exclude each other."""
        unread = {"optimizer", "training_functions"} - set(self.strip)
        if self.weights == "float16" and unread:
            what = (
                f"float16 keeps only what the signatures read, not {' and '.join(sorted(unread))}"
            )
            hint = "strip optimizer and training_functions, or leave strip out"
            yield ParameterProblem("weights", what, hint)


class KerasFile(ServedStage):
    """The artifact is a ``.keras`` file of the Keras that the model is of."""

    makes = "the .keras file"

    kind: Literal["keras_file"] = "keras_file"
    strip: Sequence[Literal["optimizer"]] = ("optimizer",)
