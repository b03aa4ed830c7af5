"""Quantizes a float ``.tflite`` with the LiteRT quantizer (ai-edge-quantizer), without TensorFlow.

``int8`` and ``int16x8`` quantize activations, too, by the smallest and largest value that each has
on the calibration samples. The other schemes quantize weights only: with ``dynamic`` and ``int4``
the kernels quantize activations at run time, ``float16`` computes in float32. All weights are
symmetric, ``int4`` and ``int8`` with a scale for each channel.

``int4`` is dynamic, not weight-only: it has the same accuracy, a smaller file, and the same outputs
with XNNPACK, the optimized and the reference kernels of LiteRT 2.3. It quantizes convolutions,
dense layers and embeddings; operators without such a kernel in LiteRT stay float32.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from itertools import compress
from typing import Any, Literal

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT
from ai_edge_quantizer import algorithm_manager, qtyping
from ai_edge_quantizer.calibrator import CalibrationMode, Calibrator
from ai_edge_quantizer.quantizer import AlgorithmName, Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.qsv_utils import min_max_update
from ai_edge_quantizer.utils.tfl_flatbuffer_utils import TFL_OP_CODE_TO_NAME

from pytest_modelbudget.budgetfile.stages import LayerSelection, Quantize
from pytest_modelbudget.budgetfile.stages.quantize import Scheme
from pytest_modelbudget.budgetfile.types import Data
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert.calibration import samples
from pytest_modelbudget.workers.compress.convert.int16_scales import allow_any_scales
from pytest_modelbudget.workers.compress.convert.integer_moves import move_integers, share_ranges
from pytest_modelbudget.workers.compress.convert.loops import left_float, set_apart
from pytest_modelbudget.workers.compress.convert.reshapes import fold_reshapes
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.layers import (
    KerasLayers,
    LayerOperator,
    find_operators,
    select,
)
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.tflite.signature import Signature, add_signature, name_tensors
from pytest_modelbudget.workers.tflite.tflite_file import tensor_name

# Of loops, only the profiler sees the activations; elsewhere it sees the same ones.
_ALL_TENSORS = CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS
_INPUT, _OUTPUT = qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT
_Choice = Scheme | Literal["float32"]
_Rule = tuple[str, qtyping.OpQuantizationConfig]
_KINDS = {
    name: TFL_OP_CODE_TO_NAME[code]
    for name, code in vars(qtyping.BuiltinOperator).items()
    if code in TFL_OP_CODE_TO_NAME
}


def quantize(
    model: bytes,
    layers: KerasLayers | None,
    stage: Quantize,
    data: Data,
    at_most: int | None = None,
) -> bytes:
    """Quantize a float ``.tflite``.

    Args:
        model: A float ``.tflite``.
        layers: The layers of the Keras model that it was converted from, if it was one.
        stage: The scheme, the types of inputs and outputs, and layers with another scheme.
        data: The data sets of the budget, for calibration where activations become integers.
        at_most: On how many samples; None for all of them.

    Returns:
        The quantized ``.tflite``. Operators that the scheme does not support are float32 in it,
        which may be all.

    Raises:
        JobError: if the model is quantized or sparse or has several signatures, if the data do not
            fit it, or if a layer in ``stage.layers`` does not exist or does not support its scheme.
    """
    parsed = tflite_file.parse(model)
    if tflite_file.is_quantized(parsed):
        raise JobError("the model is already quantized", "start from a float model")
    if tflite_file.is_sparse(parsed):
        hint = "start from a dense model, and write convert: {sparse: true} before quantize"
        raise JobError("the LiteRT quantizer cannot read sparse encoding", hint)
    if len(parsed.signatureDefs or ()) > 1:
        hint = "write the signature to a .tflite of its own, and quantize that"
        raise JobError("the LiteRT quantizer cannot quantize one of several signatures", hint)
    name_tensors(parsed)  # the quantizer tells tensors apart by their names
    set_apart(parsed)
    add_signature(parsed)  # it needs one to calibrate
    fold_reshapes(parsed)
    model = tflite_file.pack(parsed)
    operators = find_operators(parsed, layers)
    recipe = _recipe(stage, parsed, operators)
    ranges = None
    if recipe.need_calibration():
        has_loops = len(parsed.subgraphs) > 1
        mode = CalibrationMode.CALIBRATION_PROFILER_BASED if has_loops else _ALL_TENSORS
        ranges = _ranges(model, recipe, mode, data, at_most)
        share_ranges(parsed, ranges)
    if ranges == {}:
        return model  # nothing is to be quantized, at which the quantizer raises
    try:
        quantizer = Quantizer(model, recipe.get_quantization_recipe())
        result = quantizer.quantize(ranges, enable_progress_report=False)
    except (ValueError, RuntimeError) as error:
        raise _refusal("cannot quantize", error) from error
    quantized = tflite_file.parse(result.quantized_model)
    allow_any_scales(quantized)
    move_integers(quantized)
    return tflite_file.pack(quantized)


def should_be_integer(operators: list[LayerOperator], stage: Quantize) -> set[LayerOperator]:
    """Return the operators of a quantized model that must be integer after ``stage``."""
    choices = _choices(stage, operators)
    return {
        operator
        for operator in operators
        if (choice := choices.get(operator, stage.scheme)) in ("int8", "int16x8")
        and _supports(operator.name, choice)
    }


def _ranges(
    model: bytes,
    recipe: RecipeManager,
    mode: CalibrationMode,
    data: Data,
    at_most: int | None,
) -> dict[str, Any]:
    """Return the smallest and largest value of every activation, by tensor name."""
    signature = Signature.of(open_model(model))
    # The default, a moving average of the samples' ranges, depends on the order of the samples.
    calibrator = Calibrator(model, 1, mode, min_max_update)
    for sample in samples(data, signature.inputs, at_most):
        try:
            calibrator.calibrate({signature.key: [sample]}, recipe)
        except (ValueError, RuntimeError) as error:
            raise _refusal("cannot calibrate", error) from error
    ranges: dict[str, Any] = calibrator.get_model_qsvs()
    for name, bounds in ranges.items():
        if not all(np.isfinite(bound).all() for bound in bounds.values()):
            raise JobError(
                f"tensor {name} contains NaN or infinity on the calibration data",
                "check the model's weights and the scale of the data",
            )
    return ranges


def _refusal(what: str, error: Exception) -> JobError:
    reason = str(error).partition("\n")[0]
    return JobError(f"the LiteRT quantizer {what} the model: {reason}")


def _recipe(stage: Quantize, model: ModelT, operators: list[LayerOperator]) -> RecipeManager:
    """Return the recipe of the quantizer. Of two entries that match, it applies the later."""
    recipe = RecipeManager()
    algorithm, config = _RULES[stage.scheme]
    recipe.add_quantization_config(".*", qtyping.TFLOperationName.ALL_SUPPORTED, config, algorithm)
    graph = model.subgraphs[0]
    for end, indices in ((_INPUT, graph.inputs), (_OUTPUT, graph.outputs)):
        algorithm, config = _FLOAT32
        recipe.add_quantization_config(".*", end, config, algorithm)  # the ends of loops
        algorithm, config = _RULES_OF_IO[stage.io]
        scope = _scope(tensor_name(graph.tensors[index]) for index in indices)
        recipe.add_quantization_config(f"^{scope}$", end, config, algorithm)
    scopes: dict[tuple[str, _Choice], list[str]] = {}
    floats = compress(operators, left_float(model))
    choices = _choices(stage, operators) | dict.fromkeys(floats, "float32")
    for operator, choice in choices.items():
        if operator.name in _KINDS:
            scopes.setdefault((operator.name, choice), []).append(_scope(operator.outputs))
    for (name, choice), alike in scopes.items():
        algorithm, config = _RULES[choice if _supports(name, choice) else "float32"]
        recipe.add_quantization_config(f"^({'|'.join(alike)})$", _KINDS[name], config, algorithm)
    # The calibrator asks for each operator again at each sample: most of the time of small models.
    recipe.get_quantization_configs = cache(recipe.get_quantization_configs)
    return recipe


def _scope(tensors: Iterable[str]) -> str:
    """Return an expression for the operator that has these outputs, or inputs if it has none."""
    return re.escape("".join(f"{name};" for name in tensors))


def _choices(stage: Quantize, operators: list[LayerOperator]) -> dict[LayerOperator, _Choice]:
    """Return the schemes of the operators that ``stage.layers`` selects."""
    choices: dict[LayerOperator, _Choice] = {}
    asked: Iterable[tuple[str, _Choice]]
    if isinstance(stage.layers, LayerSelection):
        if stage.layers.only:
            choices = dict.fromkeys(operators, "float32")
        asked = [(pattern, stage.scheme) for pattern in stage.layers.only]
        asked += [(pattern, "float32") for pattern in stage.layers.skip]
    else:
        asked = stage.layers.items()
    for pattern, choice in asked:
        selected = select(operators, pattern)
        if not any(_supports(operator.name, choice) for operator in selected):
            names = ", ".join(dict.fromkeys(operator.name for operator in selected))
            raise JobError(
                f"layers: {pattern!r} cannot be {choice}: LiteRT has no such kernel for {names}",
                "choose another scheme for these layers",
            )
        choices |= dict.fromkeys(selected, choice)
    return choices


def _supports(name: str, choice: _Choice) -> bool:
    algorithm, config = _RULES[choice]
    if choice == "float32":
        return True
    try:
        algorithm_manager.check_op_quantization_config(algorithm, _KINDS[name], config)
    except (KeyError, ValueError):
        return False
    return True


def _integers(bits: int, symmetric: bool = True, signed: bool = True) -> Any:
    dtype = qtyping.TensorDataType.INT if signed else qtyping.TensorDataType.UINT
    return qtyping.TensorQuantizationConfig(bits, symmetric=symmetric, dtype=dtype)


def _rule(weight_bits: int, activations: Any = None) -> _Rule:
    """Return a rule for weights by channel; without ``activations`` it is dynamic."""
    weights = replace(_integers(weight_bits), granularity=qtyping.QuantGranularity.CHANNELWISE)
    config = qtyping.OpQuantizationConfig(
        activations, weights, compute_precision=qtyping.ComputePrecision.INTEGER
    )
    return AlgorithmName.MIN_MAX_UNIFORM_QUANT, config


_FLOAT32: _Rule = (AlgorithmName.NO_QUANTIZE, qtyping.OpQuantizationConfig())
_FLOAT16: _Rule = (
    AlgorithmName.FLOAT_CASTING,
    qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            16, dtype=qtyping.TensorDataType.FLOAT
        ),
        explicit_dequantize=True,
    ),
)
_RULES: Mapping[_Choice, _Rule] = {
    "float32": _FLOAT32,
    "float16": _FLOAT16,
    "dynamic": _rule(8),
    "int4": _rule(4),
    "int8": _rule(8, _integers(8, symmetric=False)),
    "int16x8": _rule(8, _integers(16)),
}
_RULES_OF_IO: Mapping[str, _Rule] = {
    "float32": _FLOAT32,
    "int8": _rule(8, _integers(8, symmetric=False)),
    "uint8": _rule(8, _integers(8, symmetric=False, signed=False)),
}
