"""Guesses the metric of a model from its loss, its outputs and its labels."""

from dataclasses import dataclass

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.results.model_description import LabelFacts, ModelDescription

_SQUARED = ("squared", "mse", "huber", "logcosh")
_ERRORS = (*_SQUARED, "absolute", "mae", "mape", "msle", "poisson", "cosine", "quantile")


@dataclass(frozen=True)
class MetricGuess:
    """A metric as a budget file writes it, and in words what it was guessed from."""

    metric: str
    why: str


def guess_metric(model: ModelDescription) -> MetricGuess:
    """Guess the metric: an accuracy where labels are classes, else an error.

    Raises:
        ModelBudgetError: If there is more than one output, or if there are no labels.
    """
    if len(model.outputs) != 1:
        listed = ", ".join(model.outputs)
        raise ModelBudgetError(
            f"the metric cannot be guessed, because the model has the outputs {listed}; name one: "
            f"--metric '{{accuracy: {{output: {next(iter(model.outputs), 'name')}}}}}'"
        )
    if model.labels is None:
        raise ModelBudgetError(
            "the metric cannot be guessed, because the test data has no y, or y is a dict; write "
            "such as --metric accuracy"
        )
    [shape] = model.outputs.values()
    compiled = model.loss.lower().replace("_", "")
    loss = f"the loss {model.loss}" if model.loss else "no loss"
    if _are_classes(model.labels, shape) and not any(word in compiled for word in _ERRORS):
        return _of_classes(model, shape, loss)
    metric = "mse" if any(word in compiled for word in _SQUARED) else "mae"
    return MetricGuess(metric, f"regression: {loss}, {_described(model.labels, shape)}")


def _of_classes(model: ModelDescription, shape: tuple[int, ...], loss: str) -> MetricGuess:
    assert model.labels, "the caller has looked at them"
    found = f"{loss}, {_described(model.labels, shape)}"
    if _size(shape) > 1:
        return MetricGuess("accuracy", f"classification: {found}")
    if model.from_logits:  # accuracy needs probabilities
        return MetricGuess("auc", f"binary classification with logits: {found}")
    return MetricGuess("accuracy", f"binary classification: {found}")


def _are_classes(labels: LabelFacts, shape: tuple[int, ...]) -> bool:
    """Return whether labels are the numbers of classes, or one-hot rows of them."""
    if len(shape) > 1 or not labels.whole or labels.low < 0:
        return False
    count = max(2, _size(shape))
    if labels.one_hot and labels.shape == shape:
        return True
    return labels.shape in ((), (1,)) and labels.high < count


def _size(shape: tuple[int, ...]) -> int:
    return shape[0] if shape else 1


def _described(labels: LabelFacts, shape: tuple[int, ...]) -> str:
    outputs = "1 output" if _size(shape) == 1 else f"outputs of shape {shape}"
    if labels.one_hot and labels.shape == shape:
        return f"{outputs}, one-hot labels"
    kind = "integer" if labels.whole else "fractional"
    return f"{outputs}, {kind} labels from {labels.low:g} to {labels.high:g}"
