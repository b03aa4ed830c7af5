"""Runs a signature of a SavedModel, or a ``.keras`` file, as a server does."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorflow as tf

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.score_jobs import Served
from pytest_modelbudget.workers.compress.models.keras_files import load_stage
from pytest_modelbudget.workers.compress.models.serving import serving_function, state_variables
from pytest_modelbudget.workers.compress.models.sources import load_saved_model
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.datasets import Array

_ANY = -1


class TensorFlowRunner:
    """One function of TensorFlow, with the interface of ``measure.runner.Runner``.

    Attributes:
        inputs: By their names in the signature.
        invoke_s: The seconds that invocations took so far.
        has_own_threads: True: TensorFlow runs operators on threads of its own.
    """

    inputs: dict[str, TensorDetails]
    invoke_s: float
    has_own_threads = True

    def __init__(self, function: Any, owner: Any) -> None:
        """Describe a function.

        Args:
            function: A concrete function of named inputs and outputs.
            owner: Of its variables; kept alive.

        Raises:
            JobError: If it has no input, or an input without an axis for samples.
        """
        self._function, self._owner = function, owner
        self._filled: dict[str, Any] = {}
        self.invoke_s = 0.0
        specs = function.structured_input_signature[1]
        if not specs or not all(spec.shape.rank for spec in specs.values()):
            hint = "make the sample the first axis of every input"
            raise JobError("the signature has no input that takes samples", hint)
        self.inputs = {name: _details(name, spec) for name, spec in specs.items()}

    @property
    def keeps_state(self) -> bool:
        """Whether each invocation continues from the state of the one before."""
        return bool(state_variables(self._function))

    @property
    def delegate(self) -> str:
        """What computes: TensorFlow."""
        return f"TensorFlow {tf.__version__}"

    def allocate(self, batch: int) -> None:
        """Check that an invocation takes ``batch`` samples.

        Raises:
            JobError: If the signature has another, fixed batch size.
        """
        if self._fixed not in (_ANY, batch):
            cause = f"the signature takes batches of {self._fixed}, not {batch}"
            raise JobError(cause, "save it with an open batch size")

    def fill(self, stored: Mapping[str, Array]) -> None:
        """Set the inputs of the next invocation, by name."""
        self._filled = {name: tf.constant(value) for name, value in stored.items()}

    def invoke(self) -> None:
        """Run once on the inputs that ``fill`` set, and wait for the outputs."""
        for output in self._function(**self._filled).values():
            output.numpy()

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run any number of samples.

        Args:
            values: For each input, of shape ``(samples, ...)``.

        Returns:
            Each output by name, of shape ``(samples, ...)``.

        Raises:
            JobError: If an input gets values of another kind, or TensorFlow cannot run the model.
        """
        stored = {name: self.inputs[name].to_served(value) for name, value in values.items()}
        count = len(next(iter(stored.values())))
        batch = count if self._fixed == _ANY else self._fixed
        parts = [
            self._run({name: _rows(value, start, batch) for name, value in stored.items()})
            for start in range(0, count, batch)
        ]
        return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}

    def twin(self) -> Self:
        """Return a runner of the same function, which several threads may call."""
        return type(self)(self._function, self._owner)

    @property
    def _fixed(self) -> int:
        return max(tensor.shape[0] for tensor in self.inputs.values())

    def _run(self, stored: Mapping[str, Array]) -> dict[str, Array]:
        self.fill(stored)
        batch = len(next(iter(stored.values())))
        started = time.perf_counter()
        try:
            outputs = self._function(**self._filled)
            # Text, such as the names of classes beside their probabilities, has no score.
            numbers = {name: each for name, each in outputs.items() if each.dtype != tf.string}
            arrays = {name: output.numpy() for name, output in numbers.items()}
        except (tf.errors.OpError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise JobError(f"TensorFlow cannot run the model: {reason}", "see the log") from error
        self.invoke_s += time.perf_counter() - started
        if not arrays:
            raise JobError("the signature returns text only", "name one that returns numbers")
        for name, array in arrays.items():
            if array.shape[:1] != (batch,):
                cause = f"output {name} has shape {array.shape} for {batch} samples"
                raise JobError(cause, "make the sample the first axis of every output")
        return arrays


def open_served(path: Path, served: Served) -> TensorFlowRunner:
    """Load what TensorFlow serves.

    Args:
        path: A ``.keras`` file, or a SavedModel folder.
        served: Its signature, and whether code in a file may run.

    Raises:
        JobError: If it cannot be loaded, or lacks the signature.
    """
    if path.suffix == ".keras":
        function, owner = serving_function(load_stage(path, trust_code=served.trust_code))
        return TensorFlowRunner(function, owner)
    model = load_saved_model(path, [served.signature])
    return TensorFlowRunner(model.signatures[served.signature], model)


def _details(name: str, spec: Any) -> TensorDetails:
    shape = tuple(size or _ANY for size in spec.shape)
    return TensorDetails(name, shape, np.dtype(spec.dtype.as_numpy_dtype))


def _rows(value: Array, start: int, batch: int) -> Array:
    rows = value[start : start + batch]
    return rows if len(rows) == batch else np.resize(rows, (batch, *rows.shape[1:]))
