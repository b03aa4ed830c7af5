"""Makes small models by hand, and changes made ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from pytest_modelbudget.judge.results.model_structure import Structure
from pytest_modelbudget.protocol.measurement_jobs import InspectJob
from pytest_modelbudget.workers.measure.structure import read_structure
from pytest_modelbudget.workers.userdata.datasets import Array

BLOBS = Path(__file__).parents[1] / "models" / "blobs.tflite"
WIDEN, CLASSIFY = 3, 2  # tensors of BLOBS: kernels of shape (64, 16) and (4, 64)
Edit = Callable[[Any], None]
Shape = tuple[int, ...]


def edited(path: Path, edit: Edit, source: Path = BLOBS) -> Path:
    """Change a model in place, as a mutable flatbuffer object."""
    model = flatbuffer_utils.read_model_with_mutable_tensors(str(source))
    edit(model)
    flatbuffer_utils.write_model(model, str(path))
    return path


def store(model: Any, tensor: int, values: Array) -> None:
    model.buffers[model.subgraphs[0].tensors[tensor].buffer].data = np.frombuffer(
        values.tobytes(), np.uint8
    )


def tensor(shape: Shape, kind: str = "FLOAT32") -> Any:
    return schema.TensorT(shape=list(shape), type=getattr(schema.TensorType, kind), name=b"made")


def constant(model: Any, index: int, values: Array) -> None:
    made = model.subgraphs[0].tensors[index]
    made.type, made.buffer = schema.TensorType.INT32, len(model.buffers)
    model.buffers.append(schema.BufferT(data=values.view(np.uint8)))


def emptied(model: Any, *tensors: Any) -> Any:
    """Leave a graph of these tensors: inputs, and the last the output."""
    graph, model.signatureDefs = model.subgraphs[0], []
    graph.tensors, graph.operators = list(tensors), []
    graph.inputs, graph.outputs = [*range(len(tensors) - 1)], [len(tensors) - 1]
    return graph


def add(model: Any, name: str, inputs: list[int], output: int, options: Any = None) -> None:
    code = getattr(schema.BuiltinOperator, name)
    deprecated = min(code, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=deprecated, builtinCode=code, version=1)
    )
    kind = type(options).__name__.removesuffix("T") if options else "NONE"
    model.subgraphs[0].operators.append(
        schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=inputs,
            outputs=[output],
            builtinOptionsType=getattr(schema.BuiltinOptions, kind),
            builtinOptions=options,
        )
    )


def structure_of(path: Path) -> Structure:
    return read_structure(InspectJob(inspected=path))


def found(structure: Structure) -> list[tuple[Any, ...]]:
    return [(each.shape, each.dtype, each.sparsity, each.unique) for each in structure.weights]
