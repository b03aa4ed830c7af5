"""Writes int8 models of equal convolutions in a row: 11 of them are 10 % more work than 10."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils


def write_chain(path: Path, side: int, channels: int, layers: int, more: int = 0) -> None:
    """Write ``layers`` 3x3 convolutions on ``side`` x ``side`` x ``channels``, weights random.

    The tensor in the middle has ``more`` channels than the others.
    """
    random = np.random.default_rng(0)
    model, graph = schema.ModelT(version=3), schema.SubGraphT(tensors=[], operators=[])
    code = schema.BuiltinOperator.CONV_2D
    model.operatorCodes = [
        schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=3)
    ]
    model.buffers, model.subgraphs = [schema.BufferT()], [graph]

    def tensor(shape: tuple[int, ...], scale: float, values: Any = None) -> int:
        """Add a tensor, int8 unless it has other ``values``, and return its index."""
        buffer = 0
        if values is not None:
            buffer = len(model.buffers)
            model.buffers.append(schema.BufferT(data=values.reshape(-1).view(np.uint8)))
        wide = values is not None and values.dtype == np.int32
        graph.tensors.append(
            schema.TensorT(
                shape=list(shape),
                type=schema.TensorType.INT32 if wide else schema.TensorType.INT8,
                buffer=buffer,
                name=f"tensor{len(graph.tensors)}",
                quantization=schema.QuantizationParametersT(scale=[scale], zeroPoint=[0]),
            )
        )
        return len(graph.tensors) - 1

    widths = [channels] * (layers + 1)
    widths[layers // 2] += more
    last = tensor((1, side, side, channels), 0.05)
    graph.inputs = [last]
    for width, before in zip(widths[1:], widths, strict=False):
        kernel = (width, 3, 3, before)
        weights = tensor(kernel, 0.01, random.integers(-127, 128, kernel, np.int8))
        bias = tensor((width,), 0.0005, np.zeros(width, np.int32))
        result = tensor((1, side, side, width), 0.05)
        graph.operators.append(
            schema.OperatorT(
                opcodeIndex=0,
                inputs=[last, weights, bias],
                outputs=[result],
                builtinOptionsType=schema.BuiltinOptions.Conv2DOptions,
                builtinOptions=schema.Conv2DOptionsT(
                    padding=schema.Padding.SAME,
                    strideW=1,
                    strideH=1,
                    dilationWFactor=1,
                    dilationHFactor=1,
                ),
            )
        )
        last = result
    graph.outputs = [last]
    flatbuffer_utils.write_model(model, str(path))
