"""A student model that is trained on its teacher's outputs and on the task at once."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_inputs import random_inputs
from pytest_modelbudget.workers.compress.models.sources import Model

Tensor = Any
SoftLoss = Callable[[Tensor, Tensor], Tensor]  # of the teacher's and the student's output
_SMALLEST = 1e-7  # probability of which a logarithm is taken


class Distiller(tf_keras.Model):  # type: ignore[misc]
    """The student, sharing its layers, with a loss that its teacher has a part in.

    The loss is ``alpha`` times that of the task, and for the rest what tells the student's
    outputs from the teacher's.

    Args:
        teacher: It is run for inference, a batch at a time.
        student: With the inputs and outputs of the teacher.
        temperature: What logits are divided by.
        alpha: From 0 to 1.
    """

    def __init__(self, teacher: Model, student: Model, temperature: float, alpha: float) -> None:
        super().__init__(student.input, student.output, name=student.name)
        # Not as an attribute: Keras would count the teacher's weights as the student's own.
        self._teach = partial(_run, teacher)
        self._temperature = temperature
        self._alpha = alpha
        self._soft_losses: list[SoftLoss] = []
        self._total = tf_keras.metrics.Mean(name="loss")

    def compile(self, optimizer: Any, loss: Any, loss_weights: Any = None) -> None:
        """Compile as Keras does.

        Raises:
            JobError: The loss takes probabilities and a model gives none, or the other way round.
        """
        super().compile(optimizer=optimizer, loss=loss, loss_weights=loss_weights)
        inputs = random_inputs(self)
        taught, learned = self._teach(inputs), tf.nest.flatten(self(inputs, training=False))
        losses = _by_output(loss, self.output_names)
        self._soft_losses = [
            _soft_loss(each, {"teacher": left, "student": right}, self._temperature)
            for each, left, right in zip(losses, taught, learned, strict=True)
        ]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> Tensor:
        """Return the loss of one batch, a scalar."""
        pairs = zip(self._soft_losses, self._teach(x), tf.nest.flatten(y_pred), strict=True)
        soft = tf.add_n([soft_loss(left, right) for soft_loss, left, right in pairs])
        task = self.compiled_loss(y, y_pred, sample_weight)
        total = tf.add_n([self._alpha * task, (1 - self._alpha) * soft, *self.losses])
        self._total.update_state(total)
        return total

    def get_metrics_result(self) -> dict[str, Tensor]:
        """Return Keras's metrics, with the whole loss in place of the task's."""
        return {**super().get_metrics_result(), "loss": self._total.result()}


def _run(teacher: Model, x: Any) -> list[Tensor]:
    arranged = tf.nest.pack_sequence_as(teacher.input, tf.nest.flatten(x))
    outputs = teacher(arranged, training=False)
    return [tf.stop_gradient(output) for output in tf.nest.flatten(outputs)]


def _soft_loss(loss: Any, outputs: Mapping[str, Tensor], temperature: float) -> SoftLoss:
    """Choose how one output of the student is compared with the teacher's.

    Args:
        loss: Of the task; a cross-entropy tells what its outputs mean.
        outputs: Of both models for a few samples.
        temperature: What logits are divided by.

    Raises:
        JobError: An output is not what ``loss`` takes.
    """
    name = getattr(loss, "__name__", type(loss).__name__)
    kind = name.replace("_", "").lower()
    is_binary = kind.startswith("binary")
    is_entropy = "crossentropy" in kind or "divergence" in kind
    are_probabilities = [_are_probabilities(output, is_binary) for output in outputs.values()]
    if not is_entropy and not all(are_probabilities):
        return _squared_difference
    takes_logits = is_entropy and _config(loss).get("from_logits", False)
    for whose, gives in zip(outputs, are_probabilities, strict=True):
        if takes_logits is gives:
            kinds = ["probabilities", "logits"]
            raise JobError(
                f"the loss {name} takes {kinds[takes_logits]}, but the {whose} does not give them",
                "end both models alike, and give the training.loss that goes with it",
            )
    compare = _binary_difference if is_binary else _class_difference
    return partial(compare, takes_logits, temperature)


def _squared_difference(taught: Tensor, learned: Tensor) -> Tensor:
    return tf.reduce_mean(tf.math.squared_difference(taught, learned))


def _class_difference(
    are_logits: bool, temperature: float, taught: Tensor, learned: Tensor
) -> Tensor:
    """Return the divergence of softened classes, times the square of the temperature.

    The gradients of softened outputs are smaller by that square (Hinton et al., section 2).
    """
    if not are_logits:
        taught, learned = _log(taught), _log(learned)
    logarithms = tf.nn.log_softmax(taught / temperature)
    difference = logarithms - tf.nn.log_softmax(learned / temperature)
    divergence = tf.reduce_sum(tf.exp(logarithms) * difference, axis=-1)
    return tf.reduce_mean(divergence) * temperature**2


def _binary_difference(
    are_logits: bool, temperature: float, taught: Tensor, learned: Tensor
) -> Tensor:
    """Return the divergence as for classes: each value stands for one class and no class."""
    if not are_logits:
        taught, learned = (_log(each) - _log(1 - each) for each in (taught, learned))
    pairs = [tf.stack([each, tf.zeros_like(each)], axis=-1) for each in (taught, learned)]
    return _class_difference(True, temperature, *pairs)


def _log(probabilities: Tensor) -> Tensor:
    return tf.math.log(tf.maximum(probabilities, _SMALLEST))


def _are_probabilities(output: Tensor, is_binary: bool) -> bool:
    values = np.asarray(output)
    if values.min() < 0 or values.max() > 1:
        return False
    return is_binary or (values.shape[-1] > 1 and np.allclose(values.sum(axis=-1), 1, atol=1e-3))


def _config(loss: Any) -> dict[str, Any]:
    config: dict[str, Any] = loss.get_config() if isinstance(loss, tf_keras.losses.Loss) else {}
    return config


def _by_output(loss: Any, names: list[str]) -> list[Any]:
    """Sort what a model is compiled with by its outputs."""
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, list | tuple) else [loss] * len(names)
