"""Checks a ``.tflite`` that a stage made: that it runs, and is what its recipe promises."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.budgetfile.stages import Convert, Quantize
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob
from pytest_modelbudget.workers.compress.models.formats import is_tflite
from pytest_modelbudget.workers.compress.verify import kernels, probes, promises
from pytest_modelbudget.workers.compress.verify.promises import Kernel
from pytest_modelbudget.workers.measure.structure import touches_float
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers, LayerOperator, find_operators
from pytest_modelbudget.workers.tflite.weights import Weight, operator_name, read_weights
from pytest_modelbudget.workers.userdata.datasets import Array

# Where Keras has the axes of a kernel, by the operator: and which of LiteRT's is the output.
_AXES = {
    "CONV_2D": ((1, 2, 3, 0), 0),
    "DEPTHWISE_CONV_2D": ((1, 2, 3, 0), 3),
    "TRANSPOSE_CONV": ((1, 2, 0, 3), 0),
    "CONV_3D": ((0, 1, 2, 3, 4), 4),
    "CONV_3D_TRANSPOSE": ((0, 1, 2, 3, 4), 3),
    "FULLY_CONNECTED": ((1, 0), 0),
}
_GATES = ((1, 2, 3, 4), (5, 6, 7, 8))  # inputs of an LSTM that Keras has in one kernel
_TENSOR_TYPES = {
    "dynamic": "INT8",
    "float16": "FLOAT16",
    "int8": "INT8",
    "int16x8": "INT16",
    "int4": "INT4",
}


def prove(job: BuildJob, output: Path) -> None:
    """Check the ``.tflite`` in ``output`` against what ``job`` and the stages before it promise.

    Raises:
        JobError: A promise is broken; it names the stage and the layer.
    """
    made = (output / tflite_file.MODEL).read_bytes()
    layers = KerasLayers.read(output)
    is_given = isinstance(job.stage, Convert) and is_tflite(job.model)
    name = str(job.model) if is_given else f"the result of {job.stage.kind}"
    kernels.check(made, name, layers)
    operators = find_operators(made, layers)
    model = probes.parse(made)
    if not is_given:
        _check_built_in(model, operators)
    if isinstance(job.stage, Convert) and job.stage.sparse:
        _check_sparse(model)
    if isinstance(job.stage, Quantize):
        _check_quantized(made, operators, job.stage)
        _check_integers(model, operators, job.stage)
    promises.hold_all(promises.read(output), list(find_kernels(model, operators)))


def find_kernels(model: ModelT, operators: Sequence[LayerOperator]) -> Iterator[Kernel]:
    """Yield the kernels of a model as Keras has them.

    Args:
        model: The flatbuffer.
        operators: All that are in it, in order.
    """
    for reader, group in groupby(read_weights(model), key=lambda weight: weight.reader):
        operator = operators[reader]
        weights = {weight.slot: weight for weight in group}
        if operator.name.endswith("LSTM"):
            yield from _recurrent(operator, weights)
        else:
            yield from (_kernel(operator, weight) for weight in weights.values())


def _recurrent(operator: LayerOperator, weights: dict[int, Weight]) -> Iterator[Kernel]:
    for gates in _GATES:
        parts = [weights[slot] for slot in gates if slot in weights]
        if len(parts) == len(gates):
            values = np.stack([part.values for part in parts])
            zeros = np.concatenate([part.is_zero for part in parts]).T
            is_quantized = values.dtype.kind != "f"  # then each gate has a scale
            yield Kernel(operator.paths, values, zeros, 0 if is_quantized else None, 1)


def _kernel(operator: LayerOperator, weight: Weight) -> Kernel:
    rank = weight.values.ndim
    axes, output_axis = _AXES.get(operator.name, (tuple(range(rank)), 0))
    scaled_axis = weight.channel_axis
    # Another layer, such as a batch normalization, may have been multiplied into the kernel.
    if scaled_axis is None and len(operator.paths) != 1:
        scaled_axis = output_axis
    zeros: Array = np.broadcast_to(weight.is_zero, weight.values.shape).transpose(axes)
    return Kernel(operator.paths, weight.values, zeros, scaled_axis, output_axis)


def _check_built_in(model: ModelT, operators: Sequence[LayerOperator]) -> None:
    every = (operator for graph in model.subgraphs for operator in graph.operators)
    for operator, found in zip(every, operators, strict=True):
        name = operator_name(model, operator)
        if name.startswith(("Flex", "CUSTOM:")):
            raise JobError(
                f"layer {', '.join(found.layers) or 'without a name'} became {name}, "
                "which is not an operator of LiteRT",
                "replace the layer by built-in operators",
            )


def _check_sparse(model: ModelT) -> None:
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    if all(tensor.sparsity is None for tensor in tensors):
        raise JobError("convert: no tensor of the .tflite is stored sparse", "prune first")


def _check_quantized(model: bytes, operators: Sequence[LayerOperator], stage: Quantize) -> None:
    """Refuse a model that silently stayed float, or whose ends did."""
    overrides = stage.layers.values() if isinstance(stage.layers, dict) else ()
    schemes = {stage.scheme, *overrides} - {"float32"}
    if not any(tflite_file.computes_in(model, _TENSOR_TYPES[scheme]) for scheme in schemes):
        kinds = ", ".join(dict.fromkeys(operator.name for operator in operators))
        raise JobError(
            f"nothing in the model became {stage.scheme}: its operators are {kinds}",
            "use another scheme, or leave the model float with recipe: []",
        )
    signature = tflite_file.signature(model)
    for name, port in (signature.inputs | signature.outputs).items():
        if port.dtype == "float32" and stage.io != "float32":
            raise JobError(f"{name} stayed float32, although io is {stage.io}", "use io: float32")


def _check_integers(model: ModelT, operators: Sequence[LayerOperator], stage: Quantize) -> None:
    """Refuse float operators that the LiteRT quantizer could have made integer."""
    if stage.backend != "litert" or not stage.needs_calibration:
        return
    # Not at the top: only this backend pays for the import.
    quantizer = import_module("pytest_modelbudget.workers.compress.convert.litert_quantizer")
    integer = quantizer.should_be_integer(list(operators), stage)
    graph = model.subgraphs[0]  # the quantizer leaves loops and branches
    for operator, found in zip(graph.operators, operators, strict=False):
        is_border = found.name in ("QUANTIZE", "DEQUANTIZE")
        if found in integer and not is_border and touches_float(operator, graph):
            raise JobError(
                f"quantize: {found.name} of layer {', '.join(found.layers) or 'unknown'} "
                f"stayed float32, although {stage.scheme} has it",
                "report it with the log",
            )
