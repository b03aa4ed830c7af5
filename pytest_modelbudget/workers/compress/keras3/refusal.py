"""What is said of a layer that cannot be moved."""

from textwrap import shorten
from typing import Any

from pytest_modelbudget.errors import JobError

HINT = "use post-training quantization, or build the model with tf_keras"
_COPYING = (
    "Keras must be able to save and load it: give a custom layer get_config(), a Lambda a named "
    "function, and register them with keras.saving.register_keras_serializable()"
)


def refusal(layer: Any, reason: object, is_copied: bool = False) -> JobError:
    """Return the error for a layer that cannot be moved.

    Args:
        layer: A Keras 3 layer or operation.
        reason: A text or an exception, of which the first sentence is told.
        is_copied: Whether it is to run in tf_keras as it is.
    """
    sentence = " ".join(str(reason).split()).partition(". ")[0]
    told = shorten(sentence, width=200, placeholder=" ...") or type(reason).__name__
    return JobError(
        f"the layer {layer.name} ({type(layer).__name__}) cannot be moved to tf_keras: {told}",
        f"{_COPYING}; or {HINT}" if is_copied else HINT,
    )


def root(error: BaseException) -> BaseException:
    """Return what was raised first: both Kerases wrap it, and TensorFlow too, in many lines."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
