"""Verifies the ``.tflite`` that a stage made: that it runs, and keeps the recipe's promises."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.budgetfile.stages import Convert, Quantize
from pytest_modelbudget.budgetfile.stages.stage import is_tflite
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.kernels import verify_kernels
from pytest_modelbudget.workers.compress.verify.promises import StoredKernel, verify_promises
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.graph import touches_float
from pytest_modelbudget.workers.tflite.layers import KerasLayers, LayerOperator, find_operators
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.tflite.signature import Signature
from pytest_modelbudget.workers.tflite.weights import KERNEL_AXES, Weight, read_weights
from pytest_modelbudget.workers.userdata.datasets import Array

_GATES = ((1, 2, 3, 4), (5, 6, 7, 8))  # inputs of an LSTM that are one kernel in Keras
_TENSOR_TYPES = {
    "dynamic": "int8",
    "float16": "float16",
    "int8": "int8",
    "int16x8": "int16",
    "int4": "int4",
}


def verify_artifact(job: BuildJob, output: Path) -> None:
    """Verify the ``.tflite`` in ``output``: its kernels, and the promises of the recipe.

    Raises:
        JobError: if it does not run, returns wrong values, or breaks a promise; the message
            names the stage and the layer.
    """
    made = (output / tflite_file.MODEL).read_bytes()
    layers = KerasLayers.read(output)
    is_given = isinstance(job.stage, Convert) and is_tflite(job.model)
    name = str(job.model) if is_given else f"the result of {job.stage.kind}"
    verify_kernels(made, name, layers)
    model = tflite_file.parse(made)
    operators = find_operators(model, layers)
    if not is_given:
        _verify_built_in(operators)
    if isinstance(job.stage, Convert) and job.stage.sparse and not tflite_file.is_sparse(model):
        raise JobError("convert: no tensor of the .tflite is stored sparse", "prune first")
    if isinstance(job.stage, Quantize):
        _verify_quantized(model, operators, job.stage)
        _verify_io(made, job.stage)
        _verify_integers(model, operators, job.stage)
    verify_promises(promises.read_promises(output), list(find_kernels(model, operators)))


def find_kernels(model: ModelT, operators: Sequence[LayerOperator]) -> Iterator[StoredKernel]:
    """Yield the kernels of a model, one for each kernel of Keras.

    Args:
        model: The flatbuffer.
        operators: All of its operators in order.
    """
    for reader, group in groupby(read_weights(model), key=lambda weight: weight.reader):
        operator = operators[reader]
        weights = {weight.slot: weight for weight in group}
        if operator.name.endswith("LSTM"):
            yield from _recurrent(operator, weights)
        else:
            yield from (_kernel(operator, weight) for weight in weights.values())


def _recurrent(operator: LayerOperator, weights: dict[int, Weight]) -> Iterator[StoredKernel]:
    for gates in _GATES:
        parts = [weights[slot] for slot in gates if slot in weights]
        if len(parts) == len(gates):
            values = np.stack([part.values for part in parts])
            zeros = np.concatenate([part.is_zero for part in parts]).T
            scaled_axis = None if values.dtype.kind == "f" else 0  # each gate has its own scale
            yield StoredKernel(operator.paths, values, zeros, scaled_axis, 1)


def _kernel(operator: LayerOperator, weight: Weight) -> StoredKernel:
    rank = weight.values.ndim
    axes, output_axis = KERNEL_AXES.get(operator.name, (tuple(range(rank)), 0))
    scaled_axis = weight.channel_axis
    # The converter may have multiplied another layer, such as BatchNormalization, into the kernel.
    if scaled_axis is None and len(operator.paths) != 1:
        scaled_axis = output_axis
    zeros: Array = np.broadcast_to(weight.is_zero, weight.values.shape).transpose(axes)
    return StoredKernel(operator.paths, weight.values, zeros, scaled_axis, output_axis)


def _verify_built_in(operators: Sequence[LayerOperator]) -> None:
    for operator in operators:
        if operator.name.startswith(("Flex", "CUSTOM:")):
            raise JobError(
                f"layer {', '.join(operator.layers) or 'without a name'} was converted to "
                f"{operator.name}, which is not an operator of LiteRT",
                "replace the layer by built-in operators",
            )


def _verify_quantized(model: ModelT, operators: Sequence[LayerOperator], stage: Quantize) -> None:
    """Raise if a model silently stayed float."""
    overrides = stage.layers.values() if isinstance(stage.layers, dict) else ()
    schemes = {stage.scheme, *overrides} - {"float32"}
    if not any(tflite_file.computes_in(model, _TENSOR_TYPES[scheme]) for scheme in schemes):
        names = ", ".join(dict.fromkeys(operator.name for operator in operators))
        raise JobError(
            f"scheme {stage.scheme} quantizes nothing in the model: its operators are {names}",
            "use another scheme, or leave the model float with recipe: []",
        )


def _verify_io(model: bytes, stage: Quantize) -> None:
    signature = Signature.of(open_model(model))
    for tensor in (*signature.inputs.values(), *signature.outputs.values()):
        if tensor.dtype == "float32" and stage.io != "float32":
            cause = f"{tensor.name} is still float32, but io is {stage.io}"
            raise JobError(cause, "use io: float32")


def _verify_integers(model: ModelT, operators: Sequence[LayerOperator], stage: Quantize) -> None:
    """Raise if an operator is float that the LiteRT quantizer supports as integer."""
    if stage.backend == "converter" or not stage.needs_calibration:
        return
    # Not at the top: only this backend pays for the import.
    quantizer = import_module("pytest_modelbudget.workers.compress.convert.litert_quantizer")
    integer = quantizer.should_be_integer(list(operators), stage)
    graph = model.subgraphs[0]  # the quantizer does not quantize loops and branches
    for operator, found in zip(graph.operators, operators, strict=False):
        is_border = found.name in ("QUANTIZE", "DEQUANTIZE")
        if found in integer and not is_border and touches_float(operator, graph):
            raise JobError(
                f"quantize: {found.name} of layer {', '.join(found.layers) or 'unknown'} "
                f"is still float32, but {stage.scheme} supports it",
                "report it with the log",
            )
