"""Measures the weights and operators of a ``.tflite``."""

from typing import Any

from ai_edge_litert.interpreter import OpResolverType
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.judge.results.model_structure import Structure, WeightTensor
from pytest_modelbudget.protocol.measurement_jobs import InspectJob
from pytest_modelbudget.workers.tflite.graph import (
    TensorShapes,
    graph_macs,
    stored_shapes,
    touches_float,
)
from pytest_modelbudget.workers.tflite.interpreter import open_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers, LayerOperator, find_operators
from pytest_modelbudget.workers.tflite.random_inputs import constant_sample
from pytest_modelbudget.workers.tflite.runs import invoke
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, operators, parse
from pytest_modelbudget.workers.tflite.weights import (
    KERNEL_AXES,
    Weight,
    most_unique,
    read_weights,
)

_RUN_SUBGRAPHS = {"CALL", "IF", "STABLEHLO_COMPOSITE", "WHILE"}


def read_structure(job: InspectJob) -> Structure:
    """Describe the weights and operators of all subgraphs of a model.

    ``macs`` counts the multiply-accumulates of convolutions, fully connected and recurrent layers
    and matrix products in the primary subgraph, zeros included, with 1 for every open size. If the
    batch size is fixed, they are those of the whole batch.

    ``float_operators`` is empty only if no operator has a float input or output, which a
    microcontroller without floating point needs. QUANTIZE and DEQUANTIZE at float32 inputs and
    outputs of the model count.

    Raises:
        JobError: if the file is missing, damaged or of another format, or if a weight has a type
            that cannot be read.
    """
    # It also verifies the flatbuffer, so that parsing cannot fail.
    path = job.inspected
    litert = open_file(path, kernels=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    model = parse(path.read_bytes())
    weights = list(read_weights(model))
    size = sum(weight.values.size for weight in weights)
    zeros = sum(int(weight.is_zero.sum()) for weight in weights)
    layers = find_operators(model, KerasLayers.read(path.parent))
    tensors = tuple(_summary(weight, layers[weight.reader], job) for weight in weights)
    names = {operator_name(model, operator) for operator, _ in operators(model)}
    in_float = {
        operator_name(model, operator)
        for operator, graph in operators(model)
        if touches_float(operator, graph)
    }
    return Structure(
        sparsity=zeros / size if size else 0.0,
        unique_weights=max((tensor.unique for tensor in tensors), default=0),
        macs=_macs(model, litert),
        operators=tuple(sorted(names)),
        float_operators=tuple(sorted(in_float)),
        weights=tensors,
    )


def _summary(weight: Weight, operator: LayerOperator, job: InspectJob) -> WeightTensor:
    axis = weight.channel_axis
    if axis is None and not set(job.clustered).isdisjoint(operator.paths):
        # The converter may have multiplied BatchNormalization into the clustered kernel.
        by_channel = job.per_channel and operator.name in ("CONV_2D", "CONV_3D")
        if by_channel or len(operator.paths) > 1:
            axis = KERNEL_AXES[operator.name][1] if operator.name in KERNEL_AXES else None
    return WeightTensor(
        name=weight.name,
        shape=weight.values.shape,
        dtype=weight.dtype,
        sparsity=float(weight.is_zero.mean()),
        unique=most_unique(weight.values, axis),
    )


def _macs(model: ModelT, litert: Any) -> int | None:
    """Count the multiply-accumulates; None if they depend on loops, or the model does not run."""
    primary, *others = model.subgraphs
    called = {operator_name(model, operator) for operator in primary.operators} & _RUN_SUBGRAPHS
    if called and any(graph_macs(model, graph, stored_shapes(graph)) for graph in others):
        return None
    shapes = _run_shapes(litert)
    return None if shapes is None else graph_macs(model, primary, shapes)


def _run_shapes(litert: Any) -> TensorShapes | None:
    """Return the shapes in the primary subgraph after a run on zeros, or None if it fails.

    The shapes in the file will not do: they have 1 for every open size, even where it is many
    times the batch size, and LiteRT computes some shapes only when it runs.
    """
    try:
        litert.allocate_tensors()
        invoke(litert, constant_sample(litert, 0), [])
    except (RuntimeError, ValueError):
        return None
    details = litert.get_tensor_details()
    return {tensor["index"]: tuple(tensor["shape"].tolist()) for tensor in details}
