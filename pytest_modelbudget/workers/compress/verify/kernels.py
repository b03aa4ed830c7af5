"""Verifies that LiteRT's optimized kernels compute the right outputs of a ``.tflite``.

Optimized kernels can be wrong silently: for sparse and 2-bit weights they have returned NaN or
wrong values. So the model runs with LiteRT's default delegate, and again with its reference
kernels, which are implemented separately.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import OpResolverType
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.verify import probes
from pytest_modelbudget.workers.tflite.graph import graph_macs, scale_of
from pytest_modelbudget.workers.tflite.layers import KerasLayers, find_operators
from pytest_modelbudget.workers.tflite.random_inputs import quantized_ranges, random_sample
from pytest_modelbudget.workers.tflite.runs import invoke, open_model, run_in_child, run_model
from pytest_modelbudget.workers.tflite.tensors import Values
from pytest_modelbudget.workers.tflite.tflite_file import is_quantized, pack, parse, tensor_name

_SAMPLES = 4
_SAMPLED_MACS = 100_000_000  # of all samples together; at least one sample runs
_REFERENCE_MACS = 2_000_000_000  # the reference kernels take about a nanosecond for each
# The differences that count as rounding, in root mean squares of the values. Measured on 40 models,
# the kernels of one operator differ by up to 1e-5, by 0.08 where they quantize activations at run
# time, and by one step between integers. In a whole network rounding may accumulate to more than
# the values themselves.
_FLOAT_LIMIT = 1e-3
_HYBRID_LIMIT = 0.3
_NETWORK_LIMIT = 0.1
_STEPS = 4
_NOT_FINITE = "returns NaN or infinity on random inputs"


@dataclass(frozen=True)
class _Trial:
    """How a model is run.

    Attributes:
        samples: The inputs of each invocation.
        other: The kernels that XNNPACK is compared with.
        quantized: Whether any tensor of the model is quantized.
    """

    samples: list[Values]
    other: OpResolverType
    quantized: bool


@dataclass(frozen=True)
class _Difference:
    """The difference between two kernels at one tensor.

    Attributes:
        index: Of the tensor.
        largest: The largest absolute difference of its values.
        allowed: The largest that counts as rounding.
    """

    index: int
    largest: float
    allowed: float

    @property
    def is_wrong(self) -> bool:
        """Whether the difference is more than rounding, or NaN."""
        return not self.largest <= self.allowed


def verify_kernels(model: bytes, name: str, layers: KerasLayers | None) -> None:
    """Run a model on random inputs with XNNPACK, and compare its outputs with other kernels.

    The others are LiteRT's reference kernels, or its built-in optimized kernels where the reference
    kernels would take more than some seconds. If they cannot run the model, it is not compared, and
    the log says so.

    If outputs differ, each operator is compared on the same inputs: a deep quantized network may
    amplify rounding to any size, a single operator may not.

    Args:
        model: A ``.tflite``.
        name: The subject of the error message.
        layers: The layers of the Keras model that it was converted from, if it was one.

    Raises:
        JobError: if the model cannot be parsed or run, returns NaN or infinity, or an operator
            returns wrong values; the message names the operator.
    """
    try:
        litert = open_model(model)
        litert.allocate_tensors()
        trial = _trial(parse(model), litert)
        invoke(litert, trial.samples[0], [])
        for output in litert.get_output_details():
            litert.get_tensor(output["index"])  # fails if it has no data
    except (RuntimeError, ValueError) as error:
        raise _refusal(model, name, error) from error
    what = _try(model, trial)
    if what is None:
        return
    compared = list(_compare_operators(model, trial))
    where = next((each for each in compared if each.is_wrong), None)
    if compared and where is None and what != _NOT_FINITE:
        explained = "each operator matches on its own, so the difference is accumulated rounding"
        sys.stderr.write(f"{name} {what}; {explained}\n")
        return
    first = _operator(model, where, layers) if where else "unknown"
    raise JobError(
        f"{name} {what}; first wrong operator: {first}",
        "quantize or convert that layer in another way, and report the model to LiteRT",
    )


def _refusal(model: bytes, name: str, error: Exception) -> JobError:
    reason = str(error).strip().partition("\n")[0]
    return JobError(
        f"{name} ({len(model):,} B) does not run in LiteRT: {reason}",
        "the file may be damaged, have operators that LiteRT does not support, or have open sizes "
        "other than the batch",
    )


def _trial(model: ModelT, litert: Any) -> _Trial:
    shapes = {each["index"]: tuple(each["shape"]) for each in litert.get_tensor_details()}
    macs = graph_macs(model, model.subgraphs[0], shapes)
    count = min(_SAMPLES, max(1, _SAMPLED_MACS // max(macs, 1)))
    ranges = quantized_ranges(model)
    is_slow = macs > _REFERENCE_MACS
    return _Trial(
        samples=[random_sample(litert, seed, ranges) for seed in range(count)],
        other=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        if is_slow
        else OpResolverType.BUILTIN_REF,
        quantized=is_quantized(model),
    )


def _try(model: bytes, trial: _Trial) -> str | None:
    """Return what is wrong with the outputs of a model, or None."""
    parsed = parse(model)
    if probes.add_probes(parsed):
        model = pack(parsed)
    default = run_model(model, OpResolverType.BUILTIN, trial.samples)
    if not all(
        np.isfinite(values).all() for values in default.values() if values.dtype.kind == "f"
    ):
        return _NOT_FINITE
    other = run_in_child(model, trial.other, trial.samples)
    limit = _NETWORK_LIMIT if trial.quantized else _FLOAT_LIMIT
    differences = (_difference(index, default, other, parsed, limit) for index in default)
    wrong = next((each for each in differences if each.is_wrong), None)
    if wrong is None:
        return None
    tensor = tensor_name(parsed.subgraphs[0].tensors[wrong.index]) or "an output"
    return (
        f"returns other values with XNNPACK than with LiteRT's {trial.other.name} kernels: "
        f"{tensor} differs by {wrong.largest:.3g}, and rounding explains only {wrong.allowed:.3g}"
    )


def _compare_operators(model: bytes, trial: _Trial) -> Iterator[_Difference]:
    """Yield the differences in the outputs of each operator, on the first sample, in order."""
    parsed = parse(model)
    sample = trial.samples[:1]
    other = run_in_child(model, trial.other, sample, sorted(probes.activations(parsed)))
    stand_ins = probes.isolate_operators(parsed, other)
    given = {stand_ins[index]: values for index, values in other.items()}
    default = run_model(pack(parsed), OpResolverType.BUILTIN, [given]) if given else {}
    for operator in parsed.subgraphs[0].operators:
        for index in operator.outputs:
            if index in default:
                limit = _HYBRID_LIMIT if trial.quantized else _FLOAT_LIMIT
                limit = 0.0 if probes.step_of(index, parsed) else limit
                yield _difference(index, default, other, parsed, limit)


def _difference(
    index: int, default: Values, other: Values, model: ModelT, limit: float
) -> _Difference:
    tensor = model.subgraphs[0].tensors[index]
    found, expected = default[index], other.get(index)
    # Rounding can change a discrete value to any other, and the size of an output such as WHERE's.
    is_real = found.dtype.kind == "f" or scale_of(tensor)
    if expected is None or found.shape != expected.shape or not is_real or not found.size:
        return _Difference(index, 0.0, 0.0)
    real = probes.to_real(expected, tensor)
    largest = float(np.abs(probes.to_real(found, tensor) - real).max())
    magnitude = float(np.sqrt(np.mean(real**2)))
    return _Difference(index, largest, limit * magnitude + _STEPS * probes.step_of(index, model))


def _operator(model: bytes, difference: _Difference, layers: KerasLayers | None) -> str:
    parsed = parse(model)
    outputs = [[*each.outputs] for each in parsed.subgraphs[0].operators]
    position = next(at for at, indices in enumerate(outputs) if difference.index in indices)
    operator = find_operators(parsed, layers)[position]
    layer = f" (layer {', '.join(operator.layers)})" if operator.layers else ""
    return f"{operator.name}{layer}"
