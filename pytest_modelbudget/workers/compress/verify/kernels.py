"""Runs a ``.tflite`` with LiteRT's default delegate, and again with its reference kernels.

What an optimized kernel gets wrong, it gets wrong without a word: sparse and 2-bit weights have
given NaN or other numbers. The reference kernels are other code.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.verify import probes
from pytest_modelbudget.workers.compress.verify.probes import Values
from pytest_modelbudget.workers.measure.structure import graph_macs
from pytest_modelbudget.workers.tflite.layers import KerasLayers, find_operators
from pytest_modelbudget.workers.tflite.runs import invoke, run, run_in_child
from pytest_modelbudget.workers.tflite.tflite_file import is_quantized

_SAMPLES = 4
_SAMPLED_MACS = 100_000_000  # of all samples together; one is always taken
_REFERENCE_MACS = 2_000_000_000  # the reference kernels make one in about a nanosecond
# How far apart numbers may be, in root mean squares. Measured on 40 models, the kernels of one
# operator differ by up to 1e-5, by 0.08 where they quantize activations as they go, and by one
# step between integers. In a whole network that may add up to more than the numbers themselves.
_FLOAT_LIMIT = 1e-3
_HYBRID_LIMIT = 0.3
_NETWORK_LIMIT = 0.1
_STEPS = 4
_NOT_FINITE = "gives numbers that are not finite on made-up samples"


@dataclass(frozen=True)
class _Trial:
    """How a model is tried: the samples, the other kernels, and whether any of it is quantized."""

    samples: list[Values]
    other: OpResolverType
    quantized: bool


@dataclass(frozen=True)
class _Difference:
    """Two kernels at one tensor: the largest difference, and what it may be."""

    index: int
    largest: float
    allowed: float

    @property
    def is_wrong(self) -> bool:
        """Whether it is more than rounding; NaN is."""
        return not self.largest <= self.allowed


def check(model: bytes, name: str, layers: KerasLayers | None) -> None:
    """Run a model on made-up samples, and compare its outputs with those of other kernels.

    These are the reference kernels, or LiteRT's own optimized ones for a model that would take
    the reference more than some seconds. What lacks such kernels is not compared; the log tells.
    Where outputs differ, every operator is compared on inputs that are the same for both: a
    deep quantized network may blow rounding up to anything, a single operator may not.

    Args:
        model: The flatbuffer.
        name: What it is called in the error.
        layers: The layers of the Keras model that it was made of, where it was one.

    Raises:
        JobError: It does not parse or run, gives what is not finite, or other numbers than it
            should; the operator is named.
    """
    try:
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        trial = _trial(probes.parse(model), interpreter, is_quantized(model))
        invoke(interpreter, trial.samples[0], [])
    except (RuntimeError, ValueError) as error:
        raise _refusal(model, name, error) from error
    what = _try(model, trial)
    if what is None:
        return
    where = next((each for each in _compare_operators(model, trial) if each.is_wrong), None)
    if where is None and what != _NOT_FINITE:
        explained = "but none of its operators does by itself: it is rounding"
        sys.stderr.write(f"{name} {what}, {explained}\n")
        return
    culprit = f"the operator {_operator(model, where, layers)}" if where else "no single operator"
    raise JobError(
        f"{name} {what}; {culprit} is where that begins",
        "quantize or convert that layer otherwise, and report it to LiteRT with the model",
    )


def _refusal(model: bytes, name: str, error: Exception) -> JobError:
    reason = str(error).strip().partition("\n")[0]
    return JobError(
        f"{name} ({len(model):,} bytes) does not run in LiteRT: {reason}",
        "it may be damaged, need operators that LiteRT does not have, or leave "
        "sizes other than the batch open",
    )


def _trial(model: ModelT, interpreter: Any, is_quantized: bool) -> _Trial:
    shapes = {each["index"]: tuple(each["shape"]) for each in interpreter.get_tensor_details()}
    macs = graph_macs(model, model.subgraphs[0], shapes)
    count = min(_SAMPLES, max(1, _SAMPLED_MACS // max(macs, 1)))
    inputs = interpreter.get_input_details()
    is_slow = macs > _REFERENCE_MACS
    return _Trial(
        samples=[probes.sample_inputs(model, inputs, seed) for seed in range(count)],
        other=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        if is_slow
        else OpResolverType.BUILTIN_REF,
        quantized=is_quantized,
    )


def _try(model: bytes, trial: _Trial) -> str | None:
    """Say what is wrong with the outputs of a model, or return None."""
    parsed = probes.parse(model)
    if probes.add_probes(parsed):
        model = probes.pack(parsed)
    default = run(model, OpResolverType.BUILTIN, trial.samples)
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
    tensor = (parsed.subgraphs[0].tensors[wrong.index].name or b"an output").decode()
    return (
        f"gives other numbers with XNNPACK than with LiteRT's {trial.other.name} kernels: {tensor} "
        f"differs by {wrong.largest:.3g}, and rounding explains {wrong.allowed:.3g}"
    )


def _compare_operators(model: bytes, trial: _Trial) -> Iterator[_Difference]:
    """Yield how each operator differs in what it makes of the first sample, in order."""
    parsed = probes.parse(model)
    sample = trial.samples[:1]
    other = run_in_child(model, trial.other, sample, sorted(probes.activations(parsed)))
    stand_ins = probes.take_apart(parsed, other)
    given = {stand_ins[index]: values for index, values in other.items()}
    default = run(probes.pack(parsed), OpResolverType.BUILTIN, [given]) if given else {}
    for operator in parsed.subgraphs[0].operators:
        for index in operator.outputs:
            if index in default:
                limit = _HYBRID_LIMIT if trial.quantized else _FLOAT_LIMIT
                limit = 0.0 if probes.step_of(index, parsed) else limit
                yield _difference(index, default, other, parsed, limit)


def _difference(
    index: int, default: Values, other: Values, model: ModelT, limit: float
) -> _Difference:
    graph = model.subgraphs[0]
    found, expected = default[index], other.get(index)
    # Discrete values flip; and how many there are may depend on what was found.
    is_real = found.dtype.kind == "f" or probes.scale_of(index, graph)
    if expected is None or found.shape != expected.shape or not is_real or not found.size:
        return _Difference(index, 0.0, 0.0)
    real = probes.to_real(index, expected, graph)
    largest = float(np.abs(probes.to_real(index, found, graph) - real).max())
    magnitude = float(np.sqrt(np.mean(real**2)))
    return _Difference(index, largest, limit * magnitude + _STEPS * probes.step_of(index, model))


def _operator(model: bytes, difference: _Difference, layers: KerasLayers | None) -> str:
    made = [[*each.outputs] for each in probes.parse(model).subgraphs[0].operators]
    place = next(place for place, outputs in enumerate(made) if difference.index in outputs)
    operator = find_operators(model, layers)[place]
    layer = f" (layer {', '.join(operator.layers)})" if operator.layers else ""
    return f"{operator.name}{layer}"
