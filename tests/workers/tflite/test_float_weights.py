from pathlib import Path

from pytest_modelbudget.judge.results.quantization import FloatWeights
from pytest_modelbudget.workers.tflite.float_weights import find_float_weights
from pytest_modelbudget.workers.tflite.layers import KerasLayers
from pytest_modelbudget.workers.tflite.tflite_file import is_constant, parse

BLOBS = Path(__file__).parents[2] / "models" / "blobs.tflite"


def named(layer: str, size_bytes: int) -> FloatWeights:
    return FloatWeights(layer=layer, dtype="float32", size_bytes=size_bytes)


def test_the_largest_weights_come_first_and_no_bias() -> None:
    model = parse(BLOBS.read_bytes())
    tensors = [each for each in model.subgraphs[0].tensors if is_constant(model, each)]
    matrices = [len(model.buffers[each.buffer].data) for each in tensors if len(each.shape) == 2]
    found = find_float_weights(parse(BLOBS.read_bytes()), None, "int8")
    assert [each.size_bytes for each in found] == sorted(matrices, reverse=True)
    assert len(tensors) > len(found) > 1
    assert {each.dtype for each in found} == {"float32"}


def test_an_lstm_operator_without_a_layer_is_named_after_the_only_lstm() -> None:
    model = parse(BLOBS.read_bytes())
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"arith.constant"
    layers = KerasLayers(keras_3=True, classes={"dense": "Dense", "lstm": "LSTM"})
    total = sum(each.size_bytes for each in find_float_weights(model, None, "int8"))

    assert find_float_weights(model, layers, "int8") == [named("FULLY_CONNECTED", total)]
