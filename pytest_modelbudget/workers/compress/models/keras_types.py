"""Names for the types of TensorFlow and Keras, which have no annotations that mypy could check."""

from typing import Any

Model = Any
"""A ``keras.Model``, a ``tf_keras.Model``, or what ``tf.saved_model.load`` returns."""

Layer = Any
"""A layer of either Keras."""

Tensor = Any
"""A ``tf.Tensor`` or a symbolic tensor of tf_keras."""

Variable = Any
"""A ``tf.Variable``."""
