from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from example_project import data

ROOT = Path(data.__file__).parent
MAX_BYTES = {
    "digits.npz": 60_000,
    "models/digits_cnn.keras": 500_000,
    "models/autoencoder.keras": 300_000,
    "models/mobilenet_0.35.h5": 300_000,
    "models/mobilenet_0.5.h5": 300_000,
}


@pytest.mark.parametrize("name", MAX_BYTES)
def test_what_is_committed_is_small(name: str) -> None:
    assert (ROOT / name).stat().st_size <= MAX_BYTES[name]


def test_images_and_labels_have_the_shapes_types_and_range_said() -> None:
    for (x, y), count in [(data.train(), 997), (data.test(), 800), (data.calibration(), 256)]:
        assert (x.shape, x.dtype.name) == ((count, 8, 8, 1), "float32")
        assert (y.shape, y.dtype.name) == ((count,), "int64")
        assert (np.min(x), np.max(x)) == (0, 1)
        assert set(y) == set(range(10))


def test_the_split_is_disjoint_and_together_all_of_the_digits() -> None:
    (x_train, y_train), (x_test, y_test) = data.train(), data.test()
    ours = [*_keyed(x_train, y_train), *_keyed(x_test, y_test)]
    # As sklearn.datasets.load_digits reads it, without the 2 s that its import takes.
    package = find_spec("sklearn")
    assert package
    assert package.origin
    path = Path(package.origin).with_name("datasets") / "data" / "digits.csv.gz"
    digits = np.loadtxt(path, delimiter=",")
    images: data.Images = (digits[:, :-1].reshape(-1, 8, 8) / 16).astype(np.float32)
    theirs = _keyed(images, digits[:, -1].astype(np.int64))
    assert sorted(ours) == sorted(theirs)
    assert not set(_keyed(x_train, y_train)) & set(_keyed(x_test, y_test))


def test_the_data_is_the_same_every_time() -> None:
    for source in (data.train, data.test, data.reconstruction_test):
        for first, second in zip(source(), source(), strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_reconstruction_has_its_input_as_its_target() -> None:
    for source, count in [(data.reconstruction_train, 997), (data.reconstruction_test, 800)]:
        x, y = source()
        assert (x.shape, x.dtype.name) == ((count, 64), "float32")
        np.testing.assert_array_equal(x, y)


@pytest.mark.tensorflow
def test_the_cnn_reaches_its_accuracy() -> None:
    model = _keras_model("digits_cnn.keras")
    assert model.count_params() == 34_154
    assert _accuracy(model) >= 0.99


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("alpha", "parameters", "accuracy"), [(0.35, 10_474, 0.98), (0.5, 19_786, 0.985)]
)
def test_the_mobilenets_reach_their_accuracy(
    alpha: float, parameters: int, accuracy: float
) -> None:
    from example_project import mobilenet  # not at the top: it imports TensorFlow

    model = mobilenet.trained(alpha)
    assert model.count_params() == parameters
    assert _accuracy(model) >= accuracy


@pytest.mark.tensorflow
def test_the_autoencoder_reaches_its_error() -> None:
    x, y = data.reconstruction_test()
    predicted = _keras_model("autoencoder.keras").predict_on_batch(x)
    assert np.abs(predicted - y).mean() <= 0.047


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["digits_cnn.keras", "autoencoder.keras"])
def test_fine_tuning_starts_with_a_learning_rate_that_has_not_decayed(name: str) -> None:
    assert float(_keras_model(name).optimizer.learning_rate) == pytest.approx(1e-3)


def _keras_model(name: str) -> Any:
    import keras  # not at the top: it imports TensorFlow

    return keras.models.load_model(ROOT / "models" / name)


def _keyed(x: data.Images, y: data.Labels) -> list[tuple[bytes, int]]:
    return [
        (image.astype(np.float32).tobytes(), int(label)) for image, label in zip(x, y, strict=True)
    ]


def _accuracy(model: Any) -> float:
    x, y = data.test()
    return float((model.predict_on_batch(x).argmax(-1) == y).mean())
