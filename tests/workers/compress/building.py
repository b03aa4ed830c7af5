"""Runs build jobs and the models that they make."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from pytest_modelbudget.budgetfile.stages import Convert, Quantize, Stage
from pytest_modelbudget.budgetfile.types import CallSource, Data, FileSource, Source, Training
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.workers.compress.job import build
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.tflite.signature import Signature

RESOLVERS = (
    OpResolverType.BUILTIN,
    OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    OpResolverType.BUILTIN_REF,
)
Arrays = dict[str, NDArray[Any]]


def call(name: str, **args: Any) -> CallSource:
    return CallSource(call=f"tests.workers.compress.zoo:{name}", args=args)


def job(model: Source, stage: Stage, parent: Path | None, data: Data) -> BuildJob:
    return BuildJob(
        stage=stage,
        parent=parent,
        model=model,
        data=data,
        training=Training(),
        seed=0,
        project=Project(rootdir=Path(__file__).parent, sys_path=()),
    )


def no_progress(activity: str) -> None:
    assert activity


def make(
    output: Path,
    model: Source | Path,
    stage: Stage | None = None,
    parent: Path | None = None,
    calibration: Source | None = None,
    signature: str = "",
) -> bytes:
    """Build into ``output``, and return the ``.tflite``."""
    output.mkdir(parents=True, exist_ok=True)
    source = FileSource(path=model) if isinstance(model, Path) else model
    data = Data(calibration=calibration)
    made = job(source, stage or Convert(), parent, data)
    build(made.model_copy(update={"signature": signature}), output, no_progress)
    return (output / "model.tflite").read_bytes()


def signature(model: bytes) -> Signature:
    return Signature.of(open_model(model))


def make_quantized(
    output: Path, parent: Path | None, calibration: Any = None, **stage: Any
) -> bytes:
    return make(output, call("cnn"), Quantize(**stage), parent, calibration or call("images"))


def invoke(model: bytes, inputs: Mapping[str, Any], resolver: Any = RESOLVERS[0]) -> Arrays:
    """Run a model on float inputs; integer inputs and outputs are scaled by their parameters."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    runner = interpreter.get_signature_runner()
    given = {}
    for name, details in runner.get_input_details().items():
        value, dtype = np.asarray(inputs[name]), np.dtype(details["dtype"])
        if value.dtype.kind == "f" and dtype.kind in "iu":
            scale, zero = details["quantization"]
            bounds = np.iinfo(dtype)
            value = np.clip(np.round(value / scale + zero), bounds.min, bounds.max)
        given[name] = value.astype(dtype)
    outputs = runner(**given)
    for name, details in runner.get_output_details().items():
        if np.dtype(details["dtype"]).kind in "iu":
            scale, zero = details["quantization"]
            outputs[name] = (outputs[name].astype(np.float32) - zero) * scale
    return dict(outputs)
