"""A model that hears one step at a time and remembers the ones before, as a wake word does."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.recipes.models import save

SIZE = 6
BACK = 2


def steps(samples: int, seed: int) -> tuple[Any, Any]:
    """Return a stream: whether the step ``BACK`` steps ago, and now lost, was a high one.

    Shapes: float32 ``(samples, 1, SIZE)`` and int64 ``(samples,)``.
    """
    generator = np.random.default_rng(seed)
    high = generator.integers(0, 2, samples)
    noise = generator.normal(0, 0.3, (samples, 1, SIZE))
    x = (high[:, np.newaxis, np.newaxis] + noise).astype(np.float32)
    return x, np.concatenate([np.zeros(BACK, np.int64), high[:-BACK]])


def test() -> tuple[Any, Any]:
    return steps(600, seed=1)


def calibration() -> tuple[Any, Any]:
    return steps(100, seed=2)


def train(path: Path) -> None:
    """Train on sequences, and save the model that continues from the step before."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    x, y = steps(6000, seed=0)
    sequences = x.reshape(200, 30, SIZE), y.reshape(200, 30)
    model = _model(keras, batch_size=None, steps=30, stateful=False)
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(*sequences, epochs=20, verbose=0)
    streaming = _model(keras, batch_size=1, steps=1, stateful=True)
    streaming.set_weights(model.get_weights())
    save(streaming, path)


def _model(keras: Any, *, batch_size: int | None, steps: int, stateful: bool) -> Any:
    layers = keras.layers
    x = heard = layers.Input((steps, SIZE), batch_size=batch_size, name="heard")
    x = layers.LSTM(16, return_sequences=not stateful, stateful=stateful, name="lstm")(x)
    return keras.Model(heard, layers.Dense(2, activation="softmax", name="wake")(x))
