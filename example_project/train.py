"""Make everything that is committed: ``python -m example_project.train``.

Training is seeded and its operators are deterministic: on one machine, a second run gives
the same weights bit for bit (the ``.keras`` files still differ: each holds its date).
"""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from example_project import autoencoder, data, digits, mobilenet
from example_project.data import Images, Labels
from example_project.mobilenet import MODELS

BATCH_SIZE = 32
STEPS_PER_EPOCH = 32  # 997 training samples
CLASSIFIER = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def main() -> None:
    """Write the data and every trained model, and print what each one reached."""
    tf.config.experimental.enable_op_determinism()
    write_data()
    train_cnn()
    train_autoencoder()
    for alpha in mobilenet.ALPHAS:
        train_mobilenet(alpha)


def write_data() -> None:
    """Split scikit-learn's digits, with equal shares of each digit, and keep them as uint8."""
    raw = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        raw.images.astype(np.uint8),
        raw.target.astype(np.uint8),
        test_size=800,
        stratify=raw.target,
        random_state=0,
    )
    np.savez_compressed(data.FILE, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    print(f"{data.FILE.name}: {len(x_train)} samples to train on, {len(x_test)} to test on")


def train_cnn(epochs: int = 80) -> None:
    """Train ``digits.build_cnn`` and save it as a Keras 3 model."""
    keras.utils.set_random_seed(0)
    model = digits.build_cnn()
    decay = keras.optimizers.schedules.CosineDecay(3e-3, epochs * STEPS_PER_EPOCH)
    model.compile(keras.optimizers.Adam(decay), **CLASSIFIER)
    model.fit(_distorted(*data.train()), epochs=epochs, shuffle=False, verbose=0)
    _save(model, CLASSIFIER)
    _show(model, data.test(), "accuracy")


def train_autoencoder(epochs: int = 200) -> None:
    """Train ``autoencoder.build_autoencoder`` and save it as a Keras 3 model."""
    keras.utils.set_random_seed(0)
    model = autoencoder.build_autoencoder()
    decay = keras.optimizers.schedules.CosineDecay(3e-3, epochs * STEPS_PER_EPOCH)
    goal = {"loss": "mse", "metrics": ["mae"]}
    model.compile(keras.optimizers.Adam(decay), **goal)
    x, y = data.reconstruction_train()
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
    _save(model, goal)
    _show(model, data.reconstruction_test(), "mean absolute error")


def train_mobilenet(alpha: float, epochs: int = 100) -> None:
    """Train ``mobilenet.build`` and save its weights, which ``mobilenet.trained`` loads."""
    tf_keras.utils.set_random_seed(0)
    model = mobilenet.build(alpha)
    decay = tf_keras.optimizers.schedules.CosineDecay(6e-3, epochs * STEPS_PER_EPOCH)
    model.compile(tf_keras.optimizers.Adam(decay), **CLASSIFIER)
    model.fit(_distorted(*data.train()), epochs=epochs, shuffle=False, verbose=0)
    model.save_weights(mobilenet.weights_file(alpha))
    _show(model, data.test(), "accuracy")


def _distorted(x: Images, y: Labels) -> tf.data.Dataset:
    """Batches of slightly turned, moved and scaled images, new ones in each epoch."""
    distort = keras.Sequential(
        [
            keras.layers.RandomRotation(0.04, seed=0),
            keras.layers.RandomTranslation(0.08, 0.08, seed=1),
            keras.layers.RandomZoom(0.1, 0.1, seed=2),
        ]
    )
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(BATCH_SIZE)
    return batches.map(lambda images, labels: (distort(images, training=True), labels))


def _save(model: keras.Model, goal: Mapping[str, object]) -> None:
    # Compiled anew, because the learning rate has decayed to zero: stages that train go on
    # with the optimizer they find. It is built, because Keras warns of a file that lacks
    # the optimizer's variables.
    model.compile("adam", **goal)
    model.optimizer.build(model.trainable_variables)
    model.save(MODELS / f"{model.name}.keras")


def _show(
    model: keras.Model | tf_keras.Model, samples: tuple[Images, Images | Labels], metric: str
) -> None:
    _, value = model.evaluate(*samples, verbose=0)
    print(f"{model.name}: {model.count_params():,} parameters, {metric} {value:.4f}", flush=True)


if __name__ == "__main__":
    main()
