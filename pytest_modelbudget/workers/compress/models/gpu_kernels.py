"""Keeps tf_keras from tracing each LSTM and GRU a second time, as a GPU would run it.

tf_keras adds that form, with its gradients, to every graph that it traces, in case TensorFlow runs
the graph on a GPU. To trace it takes longer than a short training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from tf_keras.src.layers.rnn import gru_lstm_utils

_register = gru_lstm_utils.function_register


def trace_only_for_this_machine() -> None:
    """Leave the form for GPUs out of all graphs, unless this machine has a GPU."""
    gru_lstm_utils.function_register = _register_if_used


@contextmanager
def tracing_for_any_machine() -> Iterator[None]:
    """Trace both forms, because another machine will run the graphs."""
    before = gru_lstm_utils.function_register
    gru_lstm_utils.function_register = _register
    try:
        yield
    finally:
        gru_lstm_utils.function_register = before


def _register_if_used(function: Any, **inputs: Any) -> None:
    # Not asked earlier: the fork server must not initialize the GPU.
    if tf.config.list_physical_devices("GPU"):
        _register(function, **inputs)
