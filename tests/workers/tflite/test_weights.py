from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import recipe
from ai_edge_quantizer.quantizer import Quantizer

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.model_structure import Structure
from pytest_modelbudget.workers.tflite.layers import LayerOperator, find_operators
from pytest_modelbudget.workers.tflite.tflite_file import parse
from pytest_modelbudget.workers.tflite.weights import read_weights
from tests.workers.flatbuffers import (
    CLASSIFY,
    WIDEN,
    add,
    edited,
    found,
    store,
    structure_of,
    tensor,
)

# Blocks of 32 along the inputs, which WIDEN has too few of.
ONLY_CLASSIFY_BLOCKWISE = [{**recipe.dynamic_wi4b32_afp32()[0], "regex": "Stateful.*"}]


@pytest.fixture
def ternary(tmp_path: Path) -> Path:
    """Return BLOBS where row r of each kernel has 0, 0, 1 and -(r % 6 + 1) / 7 in turn."""

    def edit(model: Any) -> None:
        for kernel, (rows, columns) in {WIDEN: (64, 16), CLASSIFY: (4, 64)}.items():
            values = np.zeros((rows, columns), np.float32)
            values[:, 2::4] = 1
            values[:, 3::4] = -(np.arange(rows)[:, np.newaxis] % 6 + 1) / 7
            store(model, kernel, values)

    return edited(tmp_path / "ternary.tflite", edit)


def test_zeros_and_different_values_are_counted(ternary: Path) -> None:
    structure = structure_of(ternary)
    assert structure.sparsity == 0.5
    assert structure.unique_weights == 8
    assert [weight.unique for weight in structure.weights] == [8, 6]
    assert Structure.model_validate_json(structure.model_dump_json()) == structure


@pytest.mark.parametrize(
    ("scheme", "dtype", "operators"),
    [
        (recipe.dynamic_wi8_afp32(), "int8", ("FULLY_CONNECTED",)),
        (recipe.dynamic_wi4_afp32(), "int4", ("FULLY_CONNECTED",)),
        (ONLY_CLASSIFY_BLOCKWISE, "int4", ("FULLY_CONNECTED",)),
        (recipe.weight_only_wi8_afp32(), "int8", ("DEQUANTIZE", "FULLY_CONNECTED")),
    ],
)
def test_quantized_weights_are_counted_per_channel(
    ternary: Path, tmp_path: Path, scheme: Any, dtype: str, operators: tuple[str, ...]
) -> None:
    path = tmp_path / "quantized.tflite"
    path.write_bytes(Quantizer(str(ternary), scheme).quantize().quantized_model)
    structure = structure_of(path)
    assert structure.operators == operators
    by_dtype = {weight.dtype: weight for weight in structure.weights}
    assert (by_dtype[dtype].sparsity, by_dtype[dtype].unique) == (0.5, 3)
    assert structure.sparsity == 0.5
    assert structure.macs == 1280
    weights = read_weights(parse(path.read_bytes()))
    kernel = next(weight for weight in weights if weight.dtype == dtype)
    assert np.sign(kernel.values[1, :4]).tolist() == [0, 0, 1, -1]


def test_a_quantized_zero_is_the_zero_point(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        kernel = model.subgraphs[0].tensors[WIDEN]
        kernel.type = schema.TensorType.INT8
        kernel.quantization.scale, kernel.quantization.zeroPoint = [0.5], [7]
        store(model, WIDEN, np.array([7, 0, 0, 1] * 256, np.int8))

    assert found(structure_of(edited(tmp_path / "m.tflite", edit)))[0] == (
        (64, 16),
        "int8",
        0.25,
        3,
    )


def test_float16_weights_behind_densify_and_dequantize(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        store(model, CLASSIFY, np.arange(256, dtype=np.float16) % 4)
        graph.tensors[CLASSIFY].type = schema.TensorType.FLOAT16
        last = graph.operators.pop()
        for name, kind in (("DENSIFY", "FLOAT16"), ("DEQUANTIZE", "FLOAT32")):
            graph.tensors.append(tensor((4, 64), kind))
            add(model, name, [last.inputs[1]], len(graph.tensors) - 1)
            last.inputs[1] = len(graph.tensors) - 1
        graph.operators.append(last)

    structure = structure_of(edited(tmp_path / "m.tflite", edit))
    assert structure.operators == ("DENSIFY", "DEQUANTIZE", "FULLY_CONNECTED")
    assert ((4, 64), "float16", 0.25, 4) in found(structure)


def test_sparse_weights_are_counted_dense(tmp_path: Path) -> None:
    # Rows of 64 in 16 blocks of 4, as TFLite has them: row 0 holds blocks 1 and 15, row 3 block 0.
    levels = [schema.DimensionMetadataT(denseSize=size) for size in (4, 16, 4)]
    levels[1].format = schema.DimensionType.SPARSE_CSR
    for part, values in (("arraySegments", [0, 2, 2, 2, 3]), ("arrayIndices", [1, 15, 0])):
        setattr(levels[1], part, schema.Uint8VectorT(values=values))
        setattr(levels[1], f"{part}Type", schema.SparseIndexVector.Uint8Vector)
    sparsity = schema.SparsityParametersT([0, 1, 2], [1], levels)
    stored = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 12], np.float32)

    def edit(model: Any) -> None:
        model.subgraphs[0].tensors[CLASSIFY].sparsity = sparsity
        store(model, CLASSIFY, stored)

    path = edited(tmp_path / "m.tflite", edit)
    assert ((4, 64), "float32", 245 / 256, 12) in found(structure_of(path))
    model = parse(path.read_bytes())
    kernel = next(each for each in read_weights(model) if each.values.shape == (4, 64))
    expected = np.zeros((4, 64), np.float32)
    expected[0, 4:8], expected[0, 60:], expected[3, :4] = np.split(stored, 3)
    np.testing.assert_array_equal(kernel.values, expected)


def test_weights_of_a_type_that_cannot_be_read(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        store(model, CLASSIFY, np.ones(256, np.uint16))
        model.subgraphs[0].tensors[CLASSIFY].type = schema.TensorType.BFLOAT16

    with pytest.raises(JobError) as error:
        structure_of(edited(tmp_path / "m.tflite", edit))
    assert str(error.value) == (
        "weight functional_1/classify_1/MatMul has the type bfloat16, which pytest-modelbudget "
        "cannot read; convert the model with another type of weights"
    )


def test_a_model_without_names(tmp_path: Path) -> None:
    path = edited(tmp_path / "m.tflite", flatbuffer_utils.strip_strings)
    assert [weight.name for weight in structure_of(path).weights] == ["unnamed", "unnamed"]
    assert (
        find_operators(parse(path.read_bytes()), None)
        == [LayerOperator("FULLY_CONNECTED", ("",), (), (), ())] * 2
    )
