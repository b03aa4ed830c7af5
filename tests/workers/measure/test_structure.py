import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_modelbudget.errors import JobError
from tests.workers.flatbuffers import (
    BLOBS,
    WIDEN,
    Shape,
    add,
    constant,
    edited,
    emptied,
    found,
    structure_of,
    tensor,
)


def test_a_float_model() -> None:
    structure = structure_of(BLOBS)
    assert structure.macs == 16 * 64 + 64 * 4
    assert structure.sparsity == (63 * 16 + 192) / 1280
    assert structure.operators == structure.float_operators == ("FULLY_CONNECTED",)
    assert found(structure) == [
        ((64, 16), "float32", 63 / 64, 2),  # an identity
        ((4, 64), "float32", 0.75, 65),
    ]
    assert [weight.name for weight in structure.weights] == [
        "functional_1/widen_1/MatMul",
        "functional_1/classify_1/MatMul",
    ]


STRIDES = {"strideH": 2, "strideW": 2, "padding": schema.Padding.VALID}
# Operator, its options, shapes of inputs and output, multiply-accumulates.
MACS: list[tuple[str, Any, list[Shape], Shape, int]] = [
    (
        "CONV_2D",
        schema.Conv2DOptionsT(**STRIDES),
        [(1, 9, 9, 3), (16, 3, 3, 3), (16,)],
        (1, 4, 4, 16),
        4 * 4 * 16 * (3 * 3 * 3),
    ),
    (
        "DEPTHWISE_CONV_2D",
        schema.DepthwiseConv2DOptionsT(**STRIDES, depthMultiplier=2),
        [(1, 9, 9, 3), (1, 3, 3, 6), (6,)],
        (1, 4, 4, 6),
        4 * 4 * 6 * (3 * 3),
    ),
    (
        "TRANSPOSE_CONV",
        schema.TransposeConvOptionsT(**STRIDES),
        [(4,), (5, 3, 3, 2), (1, 4, 4, 2)],
        (1, 9, 9, 5),
        4 * 4 * 2 * (3 * 3 * 5),
    ),
    ("FULLY_CONNECTED", schema.FullyConnectedOptionsT(), [(1, 4, 6), (7, 24)], (1, 7), 7 * 24),
    (
        "BATCH_MATMUL",
        schema.BatchMatMulOptionsT(adjX=True),
        [(1, 2, 3, 5), (1, 2, 3, 4)],
        (1, 2, 5, 4),
        2 * 5 * 4 * 3,
    ),
]


@pytest.mark.parametrize(("name", "options", "inputs", "output", "macs"), MACS)
def test_multiply_accumulates(
    tmp_path: Path, name: str, options: Any, inputs: list[Shape], output: Shape, macs: int
) -> None:
    def edit(model: Any) -> None:
        graph = emptied(model, *map(tensor, (*inputs, output)))
        if name == "TRANSPOSE_CONV":
            constant(model, 0, np.array(output, np.int32))
            graph.inputs.remove(0)
        add(model, name, [*range(len(inputs))], len(inputs), options)

    assert structure_of(edited(tmp_path / "m.tflite", edit)).macs == macs


def test_an_axis_that_is_many_times_the_batch(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        # The converter writes 1 for what is open: 12 steps joined with the batch among it.
        shapes: list[Shape] = [(1, 12, 6), (7, 6), (2,), (2,), (1, 6), (1, 7)]
        graph = emptied(model, *map(tensor, shapes))
        graph.inputs = [0, 1]
        constant(model, 2, np.array([1, -6], np.int32))
        graph.tensors[3].type = schema.TensorType.INT32
        add(model, "NEG", [2], 3, schema.NegOptionsT())  # so the shape is known when it runs
        add(model, "RESHAPE", [0, 3], 4, schema.ReshapeOptionsT())
        add(model, "FULLY_CONNECTED", [4, 1], 5, schema.FullyConnectedOptionsT())

    assert structure_of(edited(tmp_path / "m.tflite", edit)).macs == 12 * 6 * 7


@pytest.mark.parametrize(("custom", "name"), [("mine", "CUSTOM:mine"), ("FlexErf", "FlexErf")])
def test_operators_that_litert_does_not_have(tmp_path: Path, custom: str, name: str) -> None:
    def edit(model: Any) -> None:
        add(model, "CUSTOM", [4], 4)
        model.operatorCodes[-1].customCode = custom.encode()

    structure = structure_of(edited(tmp_path / "m.tflite", edit))
    assert structure.operators == tuple(sorted(("FULLY_CONNECTED", name)))
    assert structure.macs is None


def test_a_loop_over_weights(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        body = copy.deepcopy(model.subgraphs[0])
        kernel = body.tensors[WIDEN]
        kernel.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT(data=np.ones(1024, np.float32).view(np.uint8)))
        emptied(model, tensor((1, 16)), tensor((1, 16)))
        model.subgraphs += [body, copy.deepcopy(body)]
        options = schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
        add(model, "WHILE", [0], 1, options)

    structure = structure_of(edited(tmp_path / "m.tflite", edit))
    assert structure.operators == ("FULLY_CONNECTED", "WHILE")
    assert structure.macs is None
    assert [each.unique for each in structure.weights] == [1, 65]  # what is shared counts once


def test_only_integers(models: Path) -> None:
    structure = structure_of(models / "quantized.tflite")
    assert structure.operators == ("MUL", "QUANTIZE")
    assert structure.float_operators == ()
    assert (structure.sparsity, structure.unique_weights, structure.macs) == (0, 0, 0)


def test_a_table_has_weights_but_no_work(models: Path) -> None:
    structure = structure_of(models / "table.tflite")
    assert found(structure) == [((3, 2), "float32", 1 / 6, 6)]
    assert structure.macs == 0


def test_files_that_cannot_be_described(tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    with pytest.raises(JobError) as error:
        structure_of(path)
    assert str(error.value) == f"cannot read {path}: No such file or directory; correct the path"
    path.write_bytes(BLOBS.read_bytes()[:500])
    with pytest.raises(JobError) as error:
        structure_of(path)
    assert str(error.value) == (
        f"{path} is a damaged .tflite: The model is not a valid Flatbuffer buffer; "
        "copy or convert it again"
    )
