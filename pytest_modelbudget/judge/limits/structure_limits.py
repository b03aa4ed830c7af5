"""What is read from the flatbuffer: weights and operators."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, PlainValidator, Strict, WithJsonSchema

from pytest_modelbudget.frozen import Sequence as FrozenSequence
from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError, present
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit, Limit, LimitKind
from pytest_modelbudget.judge.limits.operator_names import OperatorName
from pytest_modelbudget.judge.results.model_structure import Structure, WeightTensor
from pytest_modelbudget.units.invalid import expected
from pytest_modelbudget.units.written import Count

_VALUES = {"int2": 4, "int4": 16, "int8": 256, "uint8": 256}  # by the type of a tensor
_NEEDS: Any = frozenset({"artifact", "structure"})


class MinSparsity(LimitKind):
    """The share of zeros among all weights."""

    name = "min_sparsity"
    description = "zeros among the weights of the .tflite"
    base_unit = "share"
    written = Annotated[float, Strict(), Field(gt=0, le=1)]
    needs = _NEEDS
    advice = "more `sparsity` or epochs in `prune`, or fewer layers left out of it"
    lower_is_better = False

    def measure(self, findings: Findings, limit: Limit) -> Measurement:  # noqa: ARG002
        """Read the share of zeros.

        Raises:
            UnmeasuredError: If the file has no weights.
        """
        structure = _with_weights(findings)
        elements = sum(math.prod(weight.shape) for weight in structure.weights)
        return Measurement(structure.sparsity, f"zeros among {elements:,} weights of the .tflite")


class MaxUniqueWeights(LimitKind):
    """The most different values that a weight tensor has."""

    name = "max_unique_weights"
    description = "different values in a weight tensor"
    base_unit = "count"
    written = Count
    needs = _NEEDS
    advice = "fewer `clusters`, or fewer layers left out of `cluster`"

    def measure(self, findings: Findings, limit: Limit) -> Measurement:
        """Read the most different values, and the tensor that has them.

        Raises:
            UnmeasuredError: If the file has no weights, or if they cannot exceed the limit.
        """
        structure = _with_weights(findings)
        bound = self.highest_allowed(limit)
        is_limited = math.isfinite(bound)
        if is_limited and all(_most_values(weight) <= bound for weight in structure.weights):
            dtypes = " or ".join(sorted({weight.dtype for weight in structure.weights}))
            raise UnmeasuredError(
                f"no {dtypes} tensor of the model can have more than {bound:,.0f} values; write "
                "fewer, such as the number of `clusters`"
            )
        most, *others = sorted(structure.weights, key=lambda weight: -weight.unique)
        over = [each for each in others if each.unique > bound]
        listed = ", ".join(f"{each.name} ({each.unique:,})" for each in over[:2])
        more = f" and {len(over) - 2} more" if len(over) > 2 else ""
        also = f"; also too many in {listed}{more}" if over else ""
        return Measurement(
            structure.unique_weights, f"different values, most of them in {most.name}{also}"
        )


class MaxMacs(FigureLimit):
    """Multiply-accumulates of one inference."""

    name = "max_macs"
    description = "multiply-accumulates of one inference"
    base_unit = "count"
    written = Count
    needs = _NEEDS
    advice = "`prune_channels`, or a smaller architecture"
    figure = "macs"

    def read(self, findings: Findings) -> Measurement:
        """Read the multiply-accumulates of one sample.

        Raises:
            UnmeasuredError: If there are none, or if they cannot be counted.
        """
        found = present(findings.structure).macs
        if found is None:
            raise UnmeasuredError(
                "the graph has loops, branches or custom operators, so its multiply-accumulates "
                "cannot be counted"
            )
        if found == 0:
            raise UnmeasuredError(
                "the graph has no multiply-accumulates: no convolution, fully connected or "
                "recurrent layer and no matrix product"
            )
        return Measurement(found, "read from the graph, for one sample")


def _most_values(weight: WeightTensor) -> int:
    """Return how many different values a tensor of the type and size could have."""
    elements = math.prod(weight.shape)
    return min(elements, _VALUES.get(weight.dtype, elements))


def _with_weights(findings: Findings) -> Structure:
    structure = present(findings.structure)
    if not structure.weights:
        raise UnmeasuredError("the .tflite has no weights")
    return structure


def _with_operators(findings: Findings) -> Structure:
    structure = present(findings.structure)
    if not structure.operators:
        raise UnmeasuredError("the .tflite has no operators")
    return structure


class OperatorLimit(LimitKind):
    """Kinds of operators that the file must not have."""

    base_unit = "operators"
    needs = _NEEDS

    def highest_allowed(self, limit: Limit) -> float:  # noqa: ARG002
        """Return 0: none of the operators that are counted may be there."""
        return 0


def _is_true(value: object) -> bool:
    if value is not True:
        raise expected("true", value, "leave integer_only out where it is not wanted")
    return True


class IntegerOnly(OperatorLimit):
    """No operator with a float input or output."""

    name = "integer_only"
    description = "no float operator"
    written = Annotated[bool, PlainValidator(_is_true), WithJsonSchema({"const": True})]
    advice = (
        "`quantize: {scheme: int8, io: int8}`, without layers left in float; and "
        "`backend: converter` for operators that the LiteRT quantizer leaves float, such as "
        "LEAKY_RELU"
    )

    def measure(self, findings: Findings, limit: Limit) -> Measurement:  # noqa: ARG002
        """Count the kinds of float operators."""
        return _counted("float", _with_operators(findings).float_operators)


class AllowedOps(OperatorLimit):
    """No other operators than those in the list."""

    name = "allowed_ops"
    description = "no other operator"
    written = Annotated[FrozenSequence[OperatorName], Field(min_length=1)]
    advice = (
        "another `scheme` or `io` in `quantize`, layers that convert to allowed operators, or "
        "more operators in the list if the target has them"
    )

    def measure(self, findings: Findings, limit: Limit) -> Measurement:
        """Count the kinds of operators that are not in the list."""
        assert isinstance(limit.bound, tuple), "the reader gives a list for this limit"
        operators = _with_operators(findings).operators
        return _counted("other", [name for name in operators if name not in limit.bound])


def _counted(kind: str, found: Sequence[str]) -> Measurement:
    count = len(found) or "no"
    names = f": {', '.join(found)}" if found else ""
    return Measurement(len(found), f"{count} {kind} operator{'s' * (len(found) > 1)}{names}")
