from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType

from pytest_modelbudget.workers.compress.convert.integer_moves import move_integers, share_ranges
from pytest_modelbudget.workers.tflite.layers import find_operators
from pytest_modelbudget.workers.tflite.random_inputs import quantized_ranges, random_sample
from pytest_modelbudget.workers.tflite.runs import open_model, run_model
from pytest_modelbudget.workers.tflite.tflite_file import pack, parse, tensor_name
from tests.workers.flatbuffers import add, constant, edited, emptied, tensor

KERNELS = (
    OpResolverType.BUILTIN,
    OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    OpResolverType.BUILTIN_REF,
)
ZERO_POINTS = {"INT8": 3, "INT16": 0}
SHAPES = {
    "SPACE_TO_BATCH_ND": ((1, 4, 3), (2, 3, 3)),
    "BATCH_TO_SPACE_ND": ((2, 3, 3), (1, 5, 3)),
    "EXPAND_DIMS": ((1, 4, 3), (1, 1, 4, 3)),
    "SQUEEZE": ((1, 1, 4, 3), (4, 3)),
}
CHAINS = [
    ["SPACE_TO_BATCH_ND"],
    ["BATCH_TO_SPACE_ND"],
    ["EXPAND_DIMS"],
    ["SQUEEZE"],
    ["SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"],
    ["EXPAND_DIMS", "SQUEEZE"],
]


def integers(shape: Sequence[int], kind: str, scale: float = 0.02) -> Any:
    made = tensor(tuple(shape), kind)
    made.quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[ZERO_POINTS[kind]])
    return made


def between(
    chain: Sequence[str], kind: str = "INT8", scale: float = 0.02, shown: bool = False
) -> Callable[[Any], None]:
    """Return an edit that leaves QUANTIZE, DEQUANTIZE, a chain of moves, QUANTIZE, DEQUANTIZE.

    The last QUANTIZE has another scale if ``scale`` is given. If ``shown``, what is moved is an
    output of the model, too.
    """

    def edit(model: Any) -> None:
        start = SHAPES[chain[0]][0]
        moved = [SHAPES[name][1] for name in chain]
        graph = emptied(model, tensor(start), integers(start, kind), tensor(start))
        add(model, "QUANTIZE", [0], 1)
        add(model, "DEQUANTIZE", [1], 2)
        for name, shape in zip(chain, moved, strict=True):
            _add_move(model, name, shape)
        last = len(graph.tensors) - 1
        graph.tensors += [integers(moved[-1], kind, scale), tensor(moved[-1])]
        add(model, "QUANTIZE", [last], last + 1)
        add(model, "DEQUANTIZE", [last + 1], last + 2)
        graph.inputs, graph.outputs = [0], [last + 2, last] if shown else [last + 2]

    return edit


def _add_move(model: Any, name: str, shape: Sequence[int]) -> None:
    given = {
        "SPACE_TO_BATCH_ND": [np.array([2], np.int32), np.array([[2, 0]], np.int32)],
        "BATCH_TO_SPACE_ND": [np.array([2], np.int32), np.array([[0, 1]], np.int32)],
        "EXPAND_DIMS": [np.array([1], np.int32)],
        "SQUEEZE": [],
    }
    graph, source = model.subgraphs[0], len(model.subgraphs[0].tensors) - 1
    inputs = [source]
    for values in given[name]:
        inputs.append(len(graph.tensors))
        graph.tensors.append(tensor(values.shape))
        constant(model, inputs[-1], values.ravel())
    graph.tensors.append(tensor(tuple(shape)))
    options = schema.SqueezeOptionsT(squeezeDims=[0, 1]) if name == "SQUEEZE" else None
    add(model, name, inputs, len(graph.tensors) - 1, options)


def names(model: bytes) -> list[str]:
    return [each.name for each in find_operators(parse(model), None)]


def moving_integers(model: bytes) -> bytes:
    parsed = parse(model)
    move_integers(parsed)
    return pack(parsed)


def outputs(model: bytes, kernels: OpResolverType) -> list[Any]:
    litert = open_model(model)
    litert.allocate_tensors()
    ranges = quantized_ranges(parse(model))
    samples = [random_sample(litert, seed, ranges) for seed in range(4)]
    return list(run_model(model, kernels, samples).values())


@pytest.mark.parametrize("kind", ["INT8", "INT16"])
@pytest.mark.parametrize("chain", CHAINS, ids=" ".join)
def test_integers_are_moved_with_the_same_result(
    chain: list[str], kind: str, tmp_path: Path
) -> None:
    model = edited(tmp_path / "moves.tflite", between(chain, kind)).read_bytes()

    moving = moving_integers(model)

    assert names(moving) == ["QUANTIZE", *chain, "DEQUANTIZE"]
    assert len(moving) < len(pack(parse(model)))
    for kernels in KERNELS:
        for expected, found in zip(outputs(model, kernels), outputs(moving, kernels), strict=True):
            assert len(np.unique(expected)) > 10
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("different", [{"scale": 0.03}, {"shown": True}])
def test_what_is_rounded_again_or_shown_stays_as_it_is(
    different: dict[str, Any], tmp_path: Path
) -> None:
    model = edited(tmp_path / "moves.tflite", between(["EXPAND_DIMS"], **different)).read_bytes()

    assert names(moving_integers(model)) == names(model)


def test_a_shape_is_read_from_integers(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        stored, real, shape = integers((1, 4), "INT8"), tensor((1, 4)), tensor((2,), "INT32")
        graph = emptied(model, tensor((1, 4)), stored, real, shape)
        add(model, "QUANTIZE", [0], 1)
        add(model, "DEQUANTIZE", [1], 2)
        add(model, "SHAPE", [2], 3, schema.ShapeOptionsT(outType=schema.TensorType.INT32))
        graph.inputs, graph.outputs = [0], [3]

    moving = moving_integers(edited(tmp_path / "shape.tflite", edit).read_bytes())

    assert names(moving) == ["QUANTIZE", "SHAPE"]
    assert outputs(moving, KERNELS[0])[0].tolist() == [1, 4] * 4


def test_what_is_moved_has_the_range_that_it_had_before(tmp_path: Path) -> None:
    chain = ["SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"]
    model = parse(edited(tmp_path / "moves.tflite", between(chain)).read_bytes())
    graph = model.subgraphs[0]
    for index, each in enumerate(graph.tensors):
        each.name = f"tensor_{index}".encode()
    [_, dequantize, _, move, *_] = graph.operators
    source, cropped = (tensor_name(graph.tensors[op.outputs[0]]) for op in (dequantize, move))
    ranges = {source: (-1.0, 2.0), cropped: (0.0, 2.0), "tensor_0": (-9.0, 9.0)}

    share_ranges(model, ranges)

    assert ranges == {source: (-1.0, 2.0), cropped: (-1.0, 2.0), "tensor_0": (-9.0, 9.0)}
