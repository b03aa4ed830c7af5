"""The error for a layer that cannot be moved to tf_keras."""

from textwrap import shorten
from typing import Any

from pytest_modelbudget.errors import JobError

HINT = "use post-training quantization, or build the model with tf_keras"
_COPYING = (
    "Keras must be able to save and load it: give a custom layer get_config(), a Lambda a named "
    "function, and register them with keras.saving.register_keras_serializable()"
)


def refusal(layer: Any, reason: object, is_copied: bool = False) -> JobError:
    """Return the error for a layer that cannot be moved to tf_keras.

    Args:
        layer: A Keras 3 layer or operation.
        reason: A text or an exception; its first sentence is part of the message.
        is_copied: Whether the layer was to run in tf_keras as a copy, which needs serialization.
    """
    sentence = " ".join(str(reason).split()).partition(". ")[0]
    shown = shorten(sentence, width=200, placeholder=" ...") or type(reason).__name__
    return JobError(
        f"the layer {layer.name} ({type(layer).__name__}) cannot be moved to tf_keras: {shown}",
        f"{_COPYING}; or {HINT}" if is_copied else HINT,
    )


def root(error: BaseException) -> BaseException:
    """Return the first exception of a chain: Keras and TensorFlow wrap it in long messages."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
