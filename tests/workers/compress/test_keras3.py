from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress import keras3
from pytest_modelbudget.workers.compress.convert import tf_converter
from tests.workers.compress import keras3_models
from tests.workers.compress.building import invoke

pytestmark = pytest.mark.tensorflow
MODELS = [
    "sequential",
    "residual",
    "nested_and_shared",
    "recurrent",
    "masked_text",
    "attention",
    "preprocessing",
    "augmented",
]
PTQ = "use post-training quantization, or build the model with tf_keras"
COPYING = (
    "Keras must be able to save and load it: give a custom layer get_config(), a Lambda a named "
    f"function, and register them with keras.saving.register_keras_serializable(); or {PTQ}"
)


def samples(model: Any) -> Any:
    random = np.random.default_rng(0)
    arrays = []
    for tensor in model.inputs:
        shape = (3, *(size or 7 for size in tensor.shape[1:]))
        arrays.append(random.integers(0, 10, shape).astype(tensor.dtype))
    return keras.tree.pack_sequence_as(getattr(model, "input", model.inputs[0]), arrays)


def outputs(model: Any, x: Any) -> list[Any]:
    return [np.asarray(output) for output in keras.tree.flatten(model(x, training=False))]


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Layer 'conv':UserWarning")  # of Keras: it ends the mask
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_moved_and_survives_saving_and_cloning(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = getattr(keras3_models, name)()
    x = samples(model)
    expected = outputs(model, x)

    moved = keras3.to_tf_keras(model)

    moved.save(tmp_path / "model.keras")
    cloned = tf_keras.models.clone_model(moved)
    cloned.set_weights(moved.get_weights())
    assert isinstance(moved, tf_keras.Model)
    assert len(moved.trainable_weights) == len(model.trainable_weights)
    for each in (moved, tf_keras.models.load_model(tmp_path / "model.keras"), cloned):
        assert_equal(outputs(each, x), expected)


def test_a_moved_model_converts_to_the_same_outputs() -> None:
    model = keras3_models.nested_and_shared()
    x = {name: np.full((1, 4), value, np.float32) for name, value in (("left", 1), ("right", 2))}

    found = invoke(tf_converter.convert(keras3.to_tf_keras(model)), x)

    expected = model(x)
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)
    np.testing.assert_allclose(found["tower"], expected["tower"], atol=1e-5)


def test_layers_keep_their_names_and_what_tf_keras_lacks_is_hosted() -> None:
    moved = keras3.to_tf_keras(keras3_models.attention())

    layers_of = {layer.name: type(layer).__name__ for layer in moved.layers}
    addition = next(name for name in layers_of if name.startswith("add"))
    assert layers_of == {
        "x": "InputLayer",
        "self": "MultiHeadAttention",
        addition: "Add",
        "norm": "LayerNormalization",
        "cross": "MultiHeadAttention",
        "rms": "Hosted",
    }


def test_a_model_of_tf_keras_is_returned_as_it_is() -> None:
    x = tf_keras.Input((3,))
    model = tf_keras.Model(x, tf_keras.layers.Dense(2)(x))

    assert keras3.to_tf_keras(model) is model


def test_frozen_layers_and_models_stay_frozen() -> None:
    model = keras3_models.nested_and_shared()
    model.get_layer("head").trainable = False
    model.get_layer("tower").layers[0].trainable = False

    moved = keras3.to_tf_keras(model)

    assert [weight.shape for weight in moved.trainable_weights] == [(5,), (5,)]


def test_dropout_is_trained_and_a_call_outside_training_is_not() -> None:
    x = keras.layers.Input((50,), name="x")
    y = keras.layers.BatchNormalization(name="norm")(
        keras.layers.Dropout(0.5, name="drop")(x), training=False
    )
    moved = keras3.to_tf_keras(keras.Model(x, [y, keras.layers.BatchNormalization(name="free")(x)]))
    ones = np.ones((2, 50), np.float32)

    dropped, free = (np.asarray(output) for output in moved(ones, training=True))

    assert 0.2 < (dropped == 0).mean() < 0.8
    assert np.unique(dropped.round(1)).tolist() == [0, 2]
    assert not free.any()  # the batch has no variance


def test_a_lambda_of_its_argument_alone_is_moved() -> None:
    x = keras.layers.Input((3,))
    moved = keras3.to_tf_keras(keras.Model(x, keras.layers.Lambda(lambda y: y * 2.0)(x)))

    assert outputs(moved, np.ones((1, 3)))[0].tolist() == [[2, 2, 2]]


def refused(layer: Any) -> str:
    x = keras.layers.Input((3,))
    return fails(keras.Model(x, layer(x), name="model"))


def fails(model: Any) -> str:
    with pytest.raises(JobError) as raised:
        keras3.to_tf_keras(model)
    return str(raised.value)


def test_a_lambda_with_a_global_name() -> None:
    message = "the layer sine (Lambda) cannot be moved to tf_keras: name 'keras' is not defined"
    assert (
        refused(keras.layers.Lambda(lambda y: keras.ops.sin(y), name="sine"))
        == f"{message}; {COPYING}"
    )


def test_a_function_that_is_not_registered() -> None:
    def squared(y: Any) -> Any:
        return y * y

    message = (
        "the layer dense (Dense) cannot be moved to tf_keras: Could not locate function 'squared'"
    )
    assert refused(keras.layers.Dense(2, squared, name="dense")) == f"{message}; {COPYING}"


def test_a_layer_whose_copy_computes_something_else() -> None:
    message = (
        "the layer lost (Forgetful) cannot be moved to tf_keras: "
        "its outputs in tf_keras differ by 0.67 of the largest value"
    )
    layer = keras.Sequential(
        [keras.layers.Input((3,)), keras3_models.Forgetful(3.0, name="lost"), keras.layers.Dense(2)]
    )
    assert fails(layer) == f"{message}; {PTQ}"


def test_a_model_that_does_more_than_its_graph() -> None:
    x = keras.layers.Input((3,))
    model = keras3_models.Doubled(x, keras.layers.Dense(2)(x), name="doubled")

    assert fails(model) == f"the model doubled does not compute the same as its layers; {PTQ}"


def test_a_subclassed_model() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        pass

    message = (
        "the model own (Own) cannot be moved to tf_keras: it is subclassed, so it has no graph of "
        "layers"
    )
    assert fails(Own(name="own")) == f"{message}; {PTQ}"
