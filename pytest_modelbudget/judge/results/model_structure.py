"""What the flatbuffer of a ``.tflite`` says about the model."""

from pytest_modelbudget.frozen import Frozen, Sequence


class WeightTensor(Frozen):
    """A constant that an operator multiplies by; ``unique`` is per channel if the scales are."""

    name: str
    shape: Sequence[int]
    dtype: str
    sparsity: float
    unique: int


class Structure(Frozen):
    """What the flatbuffer of a ``.tflite`` says about it.

    Attributes:
        sparsity: The share of zeros among all weights.
        unique_weights: The most different values that a weight tensor has.
        macs: Multiply-accumulates of one inference on one sample; None if the graph has
            loops, branches, or operators that LiteRT does not have.
        operators: The names of all kinds of operators.
        float_operators: Those with a float input or output.
        weights: The weight tensors, one by one.
    """

    sparsity: float
    unique_weights: int
    macs: int | None
    operators: Sequence[str]
    float_operators: Sequence[str]
    weights: Sequence[WeightTensor]
