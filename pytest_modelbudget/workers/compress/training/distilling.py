"""Trains a student model on the outputs of its teacher and on the task (arXiv:1503.02531)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_inputs import random_inputs
from pytest_modelbudget.workers.compress.models.keras_types import Model, Tensor

SoftLoss = Callable[[Tensor, Tensor], Tensor]
"""Called with an output of the teacher and of the student; returns a scalar."""

_MIN_PROBABILITY = 1e-7  # Smaller ones are raised to it before a logarithm.


class Distiller(tf_keras.Model):  # type: ignore[misc]
    """A model with the layers of the student, and a loss that includes the teacher's outputs.

    The loss is ``alpha`` times the loss of the task, plus ``1 - alpha`` times the difference
    between the outputs of the student and of the teacher (Hinton et al. 2015, arXiv:1503.02531).

    Args:
        teacher: A model that is run for inference on each batch.
        student: A model with the inputs and outputs of the teacher.
        temperature: The divisor of the logits.
        alpha: The weight of the task, from 0 to 1.
    """

    def __init__(self, teacher: Model, student: Model, temperature: float, alpha: float) -> None:
        super().__init__(student.input, student.output, name=student.name)
        # Not an attribute: Keras would add the teacher's weights to those of the student.
        self._teach = partial(_run, teacher)
        self._temperature = temperature
        self._alpha = alpha
        self._soft_losses: list[SoftLoss] = []
        self._total = tf_keras.metrics.Mean(name="loss")

    def compile(self, optimizer: Any, loss: Any, loss_weights: Any = None) -> None:
        """Compile as Keras does.

        Raises:
            JobError: If the loss expects probabilities and a model returns logits, or vice versa.
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
        """Return the metrics of Keras, with the whole loss instead of the loss of the task."""
        return {**super().get_metrics_result(), "loss": self._total.result()}


def _run(teacher: Model, x: Any) -> list[Tensor]:
    arranged = tf.nest.pack_sequence_as(teacher.input, tf.nest.flatten(x))
    outputs = teacher(arranged, training=False)
    return [tf.stop_gradient(output) for output in tf.nest.flatten(outputs)]


def _soft_loss(loss: Any, outputs: Mapping[str, Tensor], temperature: float) -> SoftLoss:
    """Choose how an output of the student is compared with that of the teacher.

    Args:
        loss: The loss of the task; a cross-entropy tells whether the outputs are logits.
        outputs: The outputs of both models for a few samples, by "teacher" and "student".
        temperature: The divisor of the logits.

    Raises:
        JobError: If an output is not what ``loss`` expects.
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
                f"the loss {name} expects {kinds[takes_logits]}, "
                f"but the {whose} does not return them",
                "use the same last activation in both models, and set training.loss to match it",
            )
    compare = _binary_difference if is_binary else _class_difference
    return partial(compare, takes_logits, temperature)


def _squared_difference(taught: Tensor, learned: Tensor) -> Tensor:
    return tf.reduce_mean(tf.math.squared_difference(taught, learned))


def _class_difference(
    are_logits: bool, temperature: float, taught: Tensor, learned: Tensor
) -> Tensor:
    """Return the Kullback-Leibler divergence of softened classes, times the squared temperature.

    The gradients of softened outputs are smaller by that square (Hinton et al. 2015, section 2).
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
    """Return the divergence as for classes: each value is the probability of one of two classes."""
    if not are_logits:
        taught, learned = (_log(each) - _log(1 - each) for each in (taught, learned))
    pairs = [tf.stack([each, tf.zeros_like(each)], axis=-1) for each in (taught, learned)]
    return _class_difference(True, temperature, *pairs)


def _log(probabilities: Tensor) -> Tensor:
    return tf.math.log(tf.maximum(probabilities, _MIN_PROBABILITY))


def _are_probabilities(output: Tensor, is_binary: bool) -> bool:
    values = np.asarray(output)
    if values.min() < 0 or values.max() > 1:
        return False
    return is_binary or (values.shape[-1] > 1 and np.allclose(values.sum(axis=-1), 1, atol=1e-3))


def _config(loss: Any) -> dict[str, Any]:
    config: dict[str, Any] = loss.get_config() if isinstance(loss, tf_keras.losses.Loss) else {}
    return config


def _by_output(loss: Any, names: list[str]) -> list[Any]:
    """Return the losses in the order of the outputs."""
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, list | tuple) else [loss] * len(names)
