import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tf_keras

from pytest_modelbudget.budgetfile.stages import (
    Cluster,
    LayerSelection,
    Prune,
    QuantizeAware,
    Stage,
)
from pytest_modelbudget.budgetfile.types import CallSource, FileSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.training import qat
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, parse, tensor_type
from tests.workers.compress import trainees
from tests.workers.compress.building import invoke, no_progress, signature
from tests.workers.compress.trainees import CLASSES, job

pytestmark = pytest.mark.tensorflow
PRUNE, CLUSTER = Prune(sparsity=0.75, epochs=5), Cluster(clusters=8, epochs=2)
PER_CHANNEL = Cluster(clusters=8, per_channel=True, epochs=2)
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def own(name: str, **args: Any) -> CallSource:
    return CallSource(
        call=f"tests.workers.compress.stages.test_apply_quantize_aware:{name}", args=args
    )


def residual() -> Any:
    """Return 1x1 convolutions around a residual, with batch normalization of every kind."""
    layers = tf_keras.layers
    image = layers.Input((8, 8, 4), name="image")
    x = layers.BatchNormalization(name="first_norm")(image)
    x = skip = layers.Conv2D(16, 1, activation="relu", name="stem")(x)
    x = layers.Conv2D(16, 1, use_bias=False, name="conv2d")(x)
    x = layers.BatchNormalization(name="fused_norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.SeparableConv2D(16, 3, padding="same", name="separable")(x)
    x = layers.Add(name="add")([x, skip])
    x = layers.BatchNormalization(name="lone_norm")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same", name="dilated")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(16, activation="swish", name="swish")(x)
    x = layers.Dense(16, activation="elu", name="elu")(x)
    x = layers.Dense(CLASSES, activation="softmax", name="class")(x)
    model = tf_keras.Model(image, x)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def normalized() -> Any:
    """Return a convolution with batch normalization, and a dense layer."""
    layers = tf_keras.layers
    x = image = layers.Input((8, 8, 4), name="image")
    x = layers.Conv2D(8, 3, use_bias=False, name="conv")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.Dense(8, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    model = tf_keras.Model(image, layers.Dense(CLASSES, activation="softmax", name="class")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def transferred() -> Any:
    """Return a model on a nested one that only infers, as transfer learning does it."""
    layers = tf_keras.layers
    base = tf_keras.Sequential(
        [
            layers.Input((8, 8, 4)),
            layers.Conv2D(8, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, name="dropout"),
        ],
        name="base",
    )
    image = layers.Input((8, 8, 4), name="image")
    x = layers.Flatten()(base(image, training=False))
    model = tf_keras.Model(image, layers.Dense(CLASSES, activation="softmax", name="class")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def far() -> Any:
    """Return a model whose outputs go far beyond the range that tfmot starts with."""
    layers = tf_keras.layers
    image = layers.Input((8, 8, 4), name="image")
    x = layers.Dense(CLASSES, name="scores")(layers.Flatten()(image))
    model = tf_keras.Model(image, x)
    model.layers[-1].set_weights([weight * 100 for weight in model.layers[-1].get_weights()])
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.SGD(1e-9), loss)
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> FileSource:
    model = trainees.cnn()
    model.fit(*trainees.images(), epochs=8, verbose=0)
    path = tmp_path_factory.mktemp("trained") / "model.keras"
    model.save(path)
    return FileSource(path=path)


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what stages made of ``trained``: a common beginning is trained once."""
    return tmp_path_factory.mktemp("chains")


def run(folder: Path, model: Source, *stages: Stage, **options: Any) -> Path:
    """Run the stages that have not run in ``folder``, and return the folder of the last."""
    parent: Path | None = None
    for index, stage in enumerate(stages):
        output = (parent or folder) / "_".join(map(str, stage.model_dump().values()))
        if not output.exists():
            output.mkdir(parents=True)
            wanted = job(stage, model, parent=parent, before=stages[:index], **options)
            run_stage(wanted, output, no_progress)
        parent = output
    assert parent
    return parent


def convert(folder: Path) -> bytes:
    return qat.convert_quantized(qat.load_quantized(folder))


def weights(model: bytes) -> dict[str, Any]:
    """Return the weights of a ``.tflite`` by layer, with the output channel as the first axis."""
    parsed = parse(model)
    graph = parsed.subgraphs[0]
    found = {}
    for operator in graph.operators:
        kind = operator_name(parsed, operator)
        if kind in WEIGHTED:
            tensor = graph.tensors[operator.inputs[1]]
            name = tensor.name.decode().partition(";")[0].partition("/")[2].rpartition("/")[0]
            data = parsed.buffers[tensor.buffer].data.tobytes()
            values = np.frombuffer(data, tensor_type(tensor)).reshape(tensor.shape)
            found[name] = np.moveaxis(values, -1 if kind == "DEPTHWISE_CONV_2D" else 0, 0)
    return found


def dtypes(model: bytes) -> dict[str, str]:
    return {name: str(values.dtype) for name, values in weights(model).items()}


def accuracy(model: bytes, samples: Any) -> float:
    x, y = samples
    (probabilities,) = invoke(model, {"image": x}).values()
    return float((probabilities.argmax(axis=1) == y).mean())


def skipped(folder: Path) -> dict[str, str]:
    reasons: dict[str, str] = json.loads((folder / "layers.json").read_text())["skipped"]
    return reasons


@pytest.mark.parametrize(
    "before",
    [(), (PRUNE,), (CLUSTER,), (PRUNE, PER_CHANNEL)],
    ids=["none", "prune", "cluster", "prune per channel"],
)
def test_what_stages_before_it_did_is_in_the_tflite(
    before: tuple[Stage, ...], trained: FileSource, chains: Path
) -> None:
    model = convert(run(chains, trained, *before, QuantizeAware()))

    assert set(dtypes(model).values()) == {"int8"}
    assert accuracy(model, trainees.images(count=120)) > 0.95
    for name in ("conv", "dense", "class"):
        kernel = weights(model)[name]
        if PRUNE in before:
            assert (kernel == 0).mean() == pytest.approx(0.75, abs=0.01)
        if CLUSTER in before or PER_CHANNEL in before:
            assert max(len(np.unique(channel)) for channel in kernel) <= 8
            assert name == "conv" or len(np.unique(kernel)) <= 8
    found = signature(model)
    both = found.inputs | found.outputs
    assert {name: tensor.shape for name, tensor in both.items()} == {
        "image": (-1, 8, 8, 4),
        "class": (-1, CLASSES),
    }
    assert {tensor.dtype for tensor in both.values()} == {np.dtype("float32")}


def test_layers_that_cannot_be_quantized_stay_float_and_are_named(tmp_path: Path) -> None:
    folder = run(tmp_path, own("residual"), PRUNE, CLUSTER, QuantizeAware())

    assert skipped(folder) == {
        "first_norm": "batch normalization that does not follow a Conv2D",
        "lone_norm": "batch normalization that does not follow a Conv2D",
        "dilated": "a dilated convolution, which stays float in LiteRT",
        "elu/activation": "quantization-aware training does not support its activation elu",
    }
    model = convert(folder)
    assert dtypes(model) == {
        "stem": "int8",
        "conv2d": "int8",
        "separable/depthwise": "int8",
        "separable": "int8",
        "dilated": "float32",
        "swish": "int8",
        "elu": "int8",
        "class": "int8",
    }
    # https://github.com/tensorflow/model-optimization/issues/979
    assert (weights(model)["conv2d"] == 0).mean() == 0.75
    assert (weights(model)["swish"] == 0).mean() == 0.75
    assert max(len(np.unique(channel)) for channel in weights(model)["conv2d"]) <= 8
    assert len(np.unique(weights(model)["swish"])) <= 8


def test_a_nested_model_that_only_infers_keeps_its_statistics(tmp_path: Path) -> None:
    folder = run(tmp_path, own("transferred"), QuantizeAware())

    norm = qat.load_quantized(folder).get_layer("base/norm").layer
    assert (norm.moving_mean.numpy() == 0).all()
    assert skipped(folder) == {
        "base/dropout": "without effect, because its model is called with training=False"
    }
    assert dtypes(convert(folder)) == {"base/conv": "int8", "class": "int8"}


def test_batch_normalization_is_skipped_with_the_convolution_before_it(tmp_path: Path) -> None:
    selection = LayerSelection(skip=("conv", "class"))

    folder = run(tmp_path, own("normalized"), QuantizeAware(layers=selection))

    assert skipped(folder)["conv"] == "in layers: skip"
    assert skipped(folder)["norm"] == "the convolution before it, conv, is skipped"
    assert dtypes(convert(folder)) == {"conv": "float32", "dense": "int8", "class": "float32"}


def test_a_float_layer_may_have_the_name_of_an_integer_layer(tmp_path: Path) -> None:
    folder = run(
        tmp_path, CallSource(call="tests.workers.compress.own_layers:of_one_name"), QuantizeAware()
    )

    assert skipped(folder) == {"block": "quantization-aware training does not support Block"}
    assert dtypes(convert(folder)) == {
        "conv2d": "int8",
        "block/conv2d": "float32",
        "class": "int8",
    }


def test_a_layer_asked_for_by_name_cannot_be_quantized(tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        run(tmp_path, own("residual"), QuantizeAware(layers=LayerSelection(only=("lone_norm",))))

    assert str(raised.value) == (
        "layers: every layer that matches 'lone_norm' is unsupported: batch normalization that "
        "does not follow a Conv2D (lone_norm); remove it from layers: only"
    )


def test_ranges_are_right_after_a_few_steps(tmp_path: Path) -> None:
    folder = run(tmp_path, own("far"), QuantizeAware())

    x = trainees.images()[0]
    scores = qat.load_quantized(folder).get_layer("scores")
    (kernel,) = (weight for weight in scores.get_weights() if weight.ndim == 2)
    outputs = x.reshape(len(x), -1) @ kernel
    (found,) = invoke(convert(folder), {"image": x}).values()
    assert np.abs(outputs).max() > 50
    np.testing.assert_allclose(found, outputs, atol=0.1 * np.abs(outputs).max())


def test_the_trained_model_is_saved_with_each_variable_once(tmp_path: Path) -> None:
    model = qat.quantize(trainees.perceptron(), ["dense", "class"])
    model.save(tmp_path / "model.keras")
    qat.save_quantized(model, tmp_path)

    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    assert count_arrays(tmp_path / "model.weights.h5") > len(model.weights)  # Why it is not used.
    assert count_arrays(tmp_path / "quantized.h5") == len(model.weights)


def count_arrays(path: Path) -> int:
    with h5py.File(path) as file:
        found: list[Any] = []
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
        return len(found)
