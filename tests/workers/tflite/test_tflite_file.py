from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzz.tflite import models
from pytest_modelbudget.workers.tflite.random_inputs import quantized_ranges, random_sample
from pytest_modelbudget.workers.tflite.runs import open_model, run_model
from pytest_modelbudget.workers.tflite.tflite_file import pack, parse

NOTHING = schema.QuantizationParametersT()
SCALES = st.lists(st.sampled_from([0.25, 1.0, 2.0]), min_size=1, max_size=3)
SHAPES = st.lists(st.integers(0, 2), max_size=3)


def content(value: Any) -> Any:
    """Return the content of a flatbuffer as plain values; None for empty parameters."""
    if isinstance(value, list | tuple | np.ndarray):
        return [content(each) for each in value]
    if not hasattr(value, "__dict__"):
        return value
    fields = {name: content(each) for name, each in vars(value).items()}
    return None if fields == vars(NOTHING) else fields


def unshared(model: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("model", models())
def test_a_packed_model_has_the_same_content_and_outputs(model: bytes) -> None:
    packed = pack(parse(model))

    assert content(parse(packed)) == content(parse(model))
    assert pack(parse(packed)) == packed
    assert len(packed) < len(unshared(parse(model)))
    litert = open_model(model)
    litert.allocate_tensors()
    samples = [random_sample(litert, seed, quantized_ranges(parse(model))) for seed in range(3)]
    for kernels in (OpResolverType.BUILTIN, OpResolverType.BUILTIN_REF):
        expected, found = (run_model(each, kernels, samples) for each in (model, packed))
        assert expected.keys() == found.keys()
        for index, values in expected.items():
            np.testing.assert_array_equal(found[index], values)


@given(
    tensors=st.lists(
        st.builds(
            lambda shape, scale, zero, name: schema.TensorT(
                shape=shape,
                shapeSignature=shape,
                name=name,
                quantization=schema.QuantizationParametersT(
                    scale=np.array(scale, np.float32),
                    zeroPoint=np.full(len(scale), zero, np.int64),
                ),
            ),
            SHAPES,
            SCALES,
            st.integers(-1, 1),
            st.sampled_from([b"", b"x", b"\0\0\0\0", b"layer/kernel"]),
        )
    ),
    inputs=st.lists(st.integers(-1, 2), max_size=3),
    data=st.lists(st.binary(max_size=9)),
)
def test_what_shares_a_place_has_the_same_values(
    tensors: list[Any], inputs: list[int], data: list[bytes]
) -> None:
    operators = [
        schema.OperatorT(inputs=inputs, outputs=inputs[:1], intermediates=[]),
        schema.OperatorT(inputs=inputs[:1], outputs=inputs, intermediates=[]),
    ]
    graphs = [
        schema.SubGraphT(tensors=tensors, operators=operators, inputs=inputs, outputs=[]),
        schema.SubGraphT(tensors=tensors, operators=[], inputs=[], outputs=inputs),
    ]
    buffers = [schema.BufferT(data=np.frombuffer(each, np.uint8)) for each in [b"", *data]]
    model = schema.ModelT(subgraphs=graphs, buffers=buffers)
    expected = content(parse(unshared(model)))

    packed = pack(model)

    assert content(parse(packed)) == expected
    assert len(packed) <= len(unshared(model))


def test_the_zero_points_of_a_thousand_channels_are_stored_once() -> None:
    many = schema.QuantizationParametersT(
        scale=np.ones(1000, np.float32), zeroPoint=np.zeros(1000, np.int64)
    )
    tensors = [schema.TensorT(shape=[1000], quantization=many) for _ in range(5)]
    graph = schema.SubGraphT(tensors=tensors, operators=[], inputs=[], outputs=[])
    model = schema.ModelT(subgraphs=[graph], buffers=[schema.BufferT()])

    assert len(unshared(model)) > 5 * 12_000
    assert 12_000 < len(pack(model)) < 12_600
