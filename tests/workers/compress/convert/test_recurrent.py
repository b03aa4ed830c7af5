"""Recurrent layers, which convert to loops or to LSTM operators, as integers."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.types import CallSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert import tf_converter
from pytest_modelbudget.workers.measure.accuracy.parallel import Parallel
from pytest_modelbudget.workers.measure.runner import Runner
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.tflite_file import MODEL, parse
from pytest_modelbudget.workers.tflite.weights import read_weights
from tests.workers.compress.building import invoke, make, signature

pytestmark = [
    pytest.mark.tensorflow,
    # The quantizer asks for it on purpose.
    pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning"),
    # TensorFlow's own calibrator uses it.
    pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated:UserWarning"),
]
HERE = __name__


def recurrent(*, kind: str) -> Any:
    """Return a Keras 3 model with recurrent layers of one kind."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    series = x = layers.Input((6, 8), name="series")
    match kind:
        case "lstm":
            x = layers.LSTM(24, name="lstm")(x)
        case "masked":
            x = layers.LSTM(24, name="lstm")(layers.Masking(0.5, name="mask")(x))
        case "gru":
            x = layers.Bidirectional(layers.GRU(24), name="both")(x)
        case "both":
            x = layers.Bidirectional(layers.LSTM(24, return_sequences=True), name="both")(x)
            x = layers.LSTM(12, name="lstm")(x)
        case "unrolled":
            x = layers.LSTM(2, unroll=True, name="lstm")(x)
        case "convolved":
            x = layers.Reshape((6, 8, 1, 1), name="rows")(x)
            x = layers.Flatten(name="flat")(layers.ConvLSTM2D(4, (3, 1), name="convolved")(x))
    return keras.Model(series, layers.Dense(10, name="out")(x))


@pytest.mark.parametrize(("kind", "batch_size"), [("gru", 1), ("unrolled", -1)])
def test_whether_the_batch_size_can_stay_open_is_known_before(kind: str, batch_size: int) -> None:
    shapes = []

    def note(_converter: Any, inputs: Any) -> None:
        shapes.append(inputs["series"].shape)

    tf_converter.convert_with(recurrent(kind=kind), note)

    assert shapes == [(batch_size, 6, 8)]


def series(*, size: float = 1.0) -> Any:
    x = np.random.default_rng(0).standard_normal((40, 6, 8)).astype(np.float32) * size
    return x, np.zeros(40)


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the float models, each converted once."""
    return tmp_path_factory.mktemp("floats")


def built(
    floats: Path, output: Path, stage: Quantize, kind: str, size: float = 1.0
) -> tuple[bytes, float]:
    """Return an integer model, and the error of its outputs in root mean squares of the float's."""
    source = CallSource(call=f"{HERE}:recurrent", args={"kind": kind})
    samples = CallSource(call=f"{HERE}:series", args={"size": size})
    if not (floats / kind).exists():
        make(floats / kind, source)
    parent = floats / kind if stage.backend == "litert" else None
    made = make(output, source, stage, parent, samples)
    models = ((floats / kind / MODEL).read_bytes(), made)
    expected, found = (_one_by_one(each, series(size=size)[0]) for each in models)
    return made, float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


def _one_by_one(model: bytes, x: Any) -> Any:
    """Return the outputs for samples each of which a new interpreter gets."""
    return np.concatenate([invoke(model, {"series": each[np.newaxis]})["out"] for each in x])


def stored(model: bytes) -> set[str]:
    return {weight.dtype for weight in read_weights(parse(model))}


@pytest.mark.parametrize(
    ("kind", "io"),
    [("lstm", "float32"), ("masked", "uint8"), ("gru", "int8"), ("convolved", "float32")],
)
def test_loops_are_calibrated_and_quantized(
    kind: str, io: Any, floats: Path, tmp_path: Path
) -> None:
    made, error = built(floats, tmp_path, Quantize(backend="litert", io=io), kind)

    assert stored(made) == {"int8"}
    assert {end.dtype.name for end in signature(made).inputs.values()} == {io}
    assert 0 < error < 0.05


def test_loops_of_int16_activations_are_more_precise(floats: Path, tmp_path: Path) -> None:
    stage = Quantize(scheme="int16x8", backend="litert")
    made, error = built(floats, tmp_path, stage, "gru")

    assert stored(made) == {"int8"}
    assert 0 < error < 0.01


def test_the_converter_writes_lstm_operators_of_one_scale(floats: Path, tmp_path: Path) -> None:
    made, error = built(floats, tmp_path, Quantize(backend="converter"), "both")

    assert stored(made) == {"int8"}
    assert 0 < error < 0.2  # of one scale for all three states; with the converter's own it is 0.8


def test_the_cell_state_of_small_values_has_a_scale_that_the_kernel_knows(
    floats: Path, tmp_path: Path
) -> None:
    _, error = built(floats, tmp_path, Quantize(backend="converter"), "lstm", size=0.01)

    assert 0 < error < 0.1  # it is 5 with the converter's own scale


def test_the_converter_never_calibrates_a_loop(floats: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        built(floats, tmp_path, Quantize(backend="converter"), "gru")

    assert str(raised.value) == (
        "the TFLiteConverter cannot calibrate the loop of the model; write backend: litert"
    )


def stream(*, generation: str = "keras") -> Any:
    """Return a model whose layers continue from the sample before."""
    keras: Any = import_module(generation)
    keras.utils.set_random_seed(0)
    layers = keras.layers
    series = layers.Input(shape=(6, 8), batch_size=1, name="series")
    x = layers.LSTM(12, stateful=True, return_sequences=True, name="lstm")(series)
    x = layers.GRU(12, stateful=True, name="gru")(x)
    return keras.Model(series, layers.Dense(10, name="out")(x))


@pytest.mark.parametrize("generation", ["keras", "tf_keras"])
def test_a_stream_continues_from_the_sample_before(generation: str, tmp_path: Path) -> None:
    source = CallSource(call=f"{HERE}:stream", args={"generation": generation})
    samples = CallSource(call=f"{HERE}:series", args={})
    x = series()[0][:12]
    model = stream(generation=generation)
    expected = np.concatenate([np.asarray(model(each[np.newaxis])) for each in x])
    make(tmp_path / "float", source)
    make(tmp_path / "int8", source, Quantize(), tmp_path / "float", samples)

    for name, limit in (("float", 1e-6), ("int8", 0.1)):
        runner: Runner = Interpreter(tmp_path / name / "model.tflite", threads=1)
        parallel: Parallel[Any, Any] = Parallel(runner, lambda each, values: each.run(values))
        found = list(parallel.map({"series": each[np.newaxis]} for each in x))
        outputs = np.concatenate([each["out"] for each in found])
        error = np.sqrt(np.mean((outputs - expected) ** 2) / np.mean(expected**2))
        assert 0 < error < limit
        assert parallel.threads == 1
    assert stored((tmp_path / "int8" / "model.tflite").read_bytes()) == {"int8"}
