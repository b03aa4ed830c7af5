from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.layers import KerasLayers, find_operators
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.tflite.tflite_file import MODEL, parse
from tests.workers.compress import zoo
from tests.workers.compress.building import call, invoke, make, signature

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
IMAGES = zoo.images()[0]


def shapes(tensors: Mapping[str, TensorDetails]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (tensor.shape, tensor.dtype.name) for name, tensor in tensors.items()}


def saved(folder: Path, kind: str) -> tuple[Path, Any]:
    """Save a model as a user would, and return its path and what it computes."""
    import tensorflow as tf

    generation, _, suffix = kind.partition(" ")
    model = zoo.cnn() if generation == "keras" else zoo.legacy_cnn()
    path = folder / f"model{suffix}"
    if suffix in (".keras", ".h5"):
        model.save(path)
    elif generation == "keras":
        model.export(path)
    else:
        tf.saved_model.save(model, str(path))
    return path, model(IMAGES, training=False).numpy()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize(
    "kind",
    ["keras .keras", "keras .h5", "keras ", "tf_keras .keras", "tf_keras .h5", "tf_keras "],
)
def test_a_saved_model_keeps_its_outputs(kind: str, tmp_path: Path) -> None:
    path, expected = saved(tmp_path, kind)

    model = make(tmp_path / "out", path)

    assert list(signature(model).inputs) == ["image"]
    (output,) = invoke(model, {"image": IMAGES}).values()
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_nothing_of_the_run_is_in_the_file(cnn: Path) -> None:
    names = {each.name for each in parse((cnn / MODEL).read_bytes()).metadata or ()}
    assert b"CONVERSION_METADATA" not in names


@pytest.mark.parametrize("name", ["cnn", "legacy_cnn"])
def test_a_callable_gets_its_arguments_and_gives_names(name: str, tmp_path: Path) -> None:
    model = make(tmp_path, call(name, units=5))

    found = signature(model)
    assert shapes(found.inputs) == {"image": ((-1, 8, 8, 3), "float32")}
    assert shapes(found.outputs) == {"class": ((-1, 4), "float32")}
    operators = find_operators(parse(model), KerasLayers.read(tmp_path))
    assert [(operator.name, operator.layers, operator.classes) for operator in operators] == [
        ("CONV_2D", ("conv",), ("Conv2D",)),
        ("DEPTHWISE_CONV_2D", ("norm", "depthwise"), ("BatchNormalization", "DepthwiseConv2D")),
        ("MEAN", ("pool",), ("GlobalAveragePooling2D",)),
        ("FULLY_CONNECTED", ("dense",), ("Dense",)),
        ("FULLY_CONNECTED", ("class",), ("Dense",)),
        ("SOFTMAX", ("class",), ("Dense",)),
    ]


def test_several_inputs_and_outputs_keep_their_names(two_ends: Path) -> None:
    found = signature((two_ends / MODEL).read_bytes())

    assert shapes(found.inputs) == {"left": ((-1, 6), "float32"), "right": ((-1, 3), "float32")}
    assert shapes(found.outputs) == {"score": ((-1, 1), "float32"), "logits": ((-1, 3), "float32")}


def test_a_module_without_keras(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.weight = tf.Variable(np.eye(3, dtype=np.float32) * 2)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])  # type: ignore[untyped-decorator]
    def double(x: Any) -> Any:
        return {"doubled": x @ module.weight}

    tf.saved_model.save(module, str(tmp_path / "module"), signatures=double)

    model = make(tmp_path / "out", tmp_path / "module")

    output = invoke(model, {"x": np.ones((2, 3), np.float32)})
    np.testing.assert_array_equal(output["doubled"], np.full((2, 3), 2.0))


def test_a_tflite_is_kept_as_it_is(cnn: Path, tmp_path: Path) -> None:
    assert make(tmp_path, cnn / "model.tflite") == (cnn / "model.tflite").read_bytes()


def test_a_sequential_and_a_subclassed_model(tmp_path: Path) -> None:
    flat = make(tmp_path / "1", call("sequential"))
    scaled = make(tmp_path / "2", call("subclassed"))

    (output,) = signature(flat).outputs.values()
    assert output.shape == (-1, 4)
    assert [operator.name for operator in find_operators(parse(flat), None)] == [
        "RESHAPE",
        "FULLY_CONNECTED",
    ]
    (flattened,) = invoke(flat, dict.fromkeys(signature(flat).inputs, IMAGES)).values()
    assert flattened.shape == (40, 4)
    assert signature(scaled).inputs["args_0"].shape == (-1, 3)


@pytest.mark.parametrize("generation", ["keras", "tf_keras"])
def test_a_subclassed_model_in_a_file_is_called_before_it_is_exported(
    generation: str, tmp_path: Path
) -> None:
    keras: Any = import_module(generation)

    @keras.saving.register_keras_serializable("test_apply_convert")
    class Topic(keras.Model):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(4)

        def call(self, sides: Any) -> Any:
            left, right = sides
            return self.dense(left) + right

        def get_config(self) -> dict[str, Any]:
            return dict(super().get_config())

    model = Topic(name="topic")
    left, right = np.ones((2, 3), np.float32), np.full((2, 4), 2, np.float32)
    expected = np.asarray(model([left, right]))
    model.save(tmp_path / "model.keras")

    converted = make(tmp_path / "out", tmp_path / "model.keras")

    first, second = sorted(signature(converted).inputs)
    (output,) = invoke(converted, {first: left, second: right}).values()
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_a_recurrent_model_gets_a_batch_of_one(tmp_path: Path) -> None:
    (port,) = signature(make(tmp_path, call("lstm"))).inputs.values()

    assert port.shape == (1, 6, 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing",
            "tests.workers.compress.zoo:nothing returned None, not a Keras model; return the model",
        ),
        (
            "number",
            "tests.workers.compress.zoo:number returned a builtins.int, not a Keras model; "
            "return the model",
        ),
        (
            "unbuilt",
            "tests.workers.compress.zoo:unbuilt returned the model loose, which has no input shape "
            "yet; start it with an Input layer, or call it once on a sample",
        ),
        (
            "broken",
            "tests.workers.compress.zoo:broken raised RuntimeError: no weights today (zoo.py:LINE)",
        ),
        (
            "svd",
            "LiteRT has no operator for TensorFlow's Svd; replace the layer by built-in "
            "operators: LiteRT does not include TensorFlow's (Flex)",
        ),
    ],
)
def test_a_callable_that_gives_no_usable_model(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        make(tmp_path, call(name))

    line = str(zoo.broken.__code__.co_firstlineno + 1)
    assert str(raised.value) == message.replace("LINE", line)


def test_flattening_an_open_axis_stays_computed(tmp_path: Path) -> None:
    model = make(tmp_path, call("open_flatten"))
    texts = np.random.default_rng(0).random((2, 5, 4)).astype(np.float32)
    (output,) = invoke(model, {"text": texts}).values()
    np.testing.assert_array_equal(output, texts.reshape(2, 20))


def test_a_file_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    from pytest_modelbudget.workers.compress.verify.conversion import verify_conversion

    made = make(tmp_path / "made", call("cnn"))
    keras.utils.set_random_seed(0)  # as the build does, so that the weights are the same
    model = zoo.cnn()
    [output] = signature(made).outputs
    function = tf.function(lambda **inputs: {output: model(inputs["image"], training=False)})
    spec = tf.TensorSpec((None, *IMAGES.shape[1:]))
    concrete = function.get_concrete_function(image=spec)
    verify_conversion(concrete, made)
    model.set_weights([weight * 1.1 for weight in model.get_weights()])
    with pytest.raises(JobError) as raised:
        verify_conversion(concrete, made)
    message, hint = str(raised.value).split("; ")
    assert message.startswith(
        f"the .tflite does not compute the same as the model: its output {output} differs by 0."
    )
    assert message.endswith(" of the largest value")
    assert hint == "replace the layers before that output, or report the model to LiteRT"
