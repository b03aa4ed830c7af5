"""What is known of a model and its labels before anything is measured."""

from pytest_modelbudget.frozen import Frozen, Sequence


class LabelFacts(Frozen):
    """What the first labels of a data set look like.

    Attributes:
        shape: Of the labels of one sample.
        whole: Whether all values are whole numbers.
        low: The smallest value.
        high: The largest value.
        one_hot: Whether each row has one 1, and 0 elsewhere.
    """

    shape: Sequence[int]
    whole: bool
    low: float
    high: float
    one_hot: bool


class ModelDescription(Frozen):
    """What a metric is guessed from.

    Attributes:
        loss: The name of the loss that the model was compiled with; empty if it was not.
        from_logits: Whether that loss takes logits.
        outputs: The shape of each output for one sample, by its name; -1 is any size.
        labels: None without samples or without labels, or if there are several.
    """

    loss: str
    from_logits: bool
    outputs: dict[str, Sequence[int]]
    labels: LabelFacts | None
