import pytest

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.explore.metric_guess import guess_metric
from pytest_modelbudget.judge.results.model_description import LabelFacts, ModelDescription


def described(
    *,
    loss: str = "",
    output: tuple[int, ...] = (10,),
    shape: tuple[int, ...] = (),
    whole: bool = True,
    low: float = 0,
    high: float = 9,
    one_hot: bool = False,
    from_logits: bool = False,
) -> ModelDescription:
    labels = LabelFacts(shape=shape, whole=whole, low=low, high=high, one_hot=one_hot)
    return ModelDescription(
        loss=loss, from_logits=from_logits, outputs={"out": output}, labels=labels
    )


@pytest.mark.parametrize(
    ("model", "metric", "why"),
    [
        (
            described(loss="sparse_categorical_crossentropy"),
            "accuracy",
            "classification: the loss sparse_categorical_crossentropy, outputs of shape (10,), "
            "integer labels from 0 to 9",
        ),
        (
            described(shape=(10,), high=1, one_hot=True),
            "accuracy",
            "classification: no loss, outputs of shape (10,), one-hot labels",
        ),
        (
            described(loss="BinaryCrossentropy", output=(1,), high=1),
            "accuracy",
            "binary classification: the loss BinaryCrossentropy, 1 output, integer labels from 0 "
            "to 1",
        ),
        (
            described(loss="BinaryCrossentropy", output=(1,), high=1, from_logits=True),
            "auc",
            "binary classification with logits: the loss BinaryCrossentropy, 1 output, integer "
            "labels from 0 to 1",
        ),
        (
            described(loss="mean_squared_error", output=(1,), high=1),
            "mse",
            "regression: the loss mean_squared_error, 1 output, integer labels from 0 to 1",
        ),
        (
            described(loss="MeanAbsoluteError", output=(1,), high=80),
            "mae",
            "regression: the loss MeanAbsoluteError, 1 output, integer labels from 0 to 80",
        ),
        (
            described(output=(64,), shape=(64,), whole=False, high=1),
            "mae",
            "regression: no loss, outputs of shape (64,), fractional labels from 0 to 1",
        ),
        (described(output=(28, 28, 3), high=2), "mae", None),
        (described(low=-1), "mae", None),
        (described(high=10), "mae", None),
    ],
)
def test_the_metric_is_guessed_from_loss_outputs_and_labels(
    model: ModelDescription, metric: str, why: str | None
) -> None:
    guess = guess_metric(model)
    assert guess.metric == metric
    assert why is None or guess.why == why


def test_what_cannot_be_guessed_names_the_option() -> None:
    two = described().model_copy(update={"outputs": {"box": (4,), "class": (10,)}})
    with pytest.raises(ModelBudgetError, match=r"the outputs box, class; name one: --metric '{acc"):
        guess_metric(two)
    without = described().model_copy(update={"labels": None})
    with pytest.raises(ModelBudgetError, match="the test data has no y, or y is a dict"):
        guess_metric(without)
