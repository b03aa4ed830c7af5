"""Runs a ``.tflite`` on batches of real values, whatever types it takes and gives."""

import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter as LiteRT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.tensors import Tensor
from pytest_modelbudget.workers.userdata.datasets import Array

_ANY = -1
_IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite


class Interpreter:
    """One ``.tflite`` in LiteRT, with its default delegate.

    Attributes:
        inputs: By their names in the signature, or tensor names if there is none.
        outputs: Likewise.
        invoke_s: Seconds spent in invocations so far.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    invoke_s: float

    def __init__(self, path: Path, threads: int) -> None:
        """Load a model.

        Args:
            path: The ``.tflite``.
            threads: How many threads one invocation may use.

        Raises:
            JobError: The file is missing, damaged or of another format.
        """
        self._path = path
        self._threads = threads
        self._batch = 0
        self._litert = load(path, threads)
        self.inputs, self.outputs = _signature(self._litert)
        self.invoke_s = 0.0
        if not self.inputs or not all(tensor.shape for tensor in self.inputs.values()):
            hint = "make the sample the first axis of every input"
            raise JobError(f"{path} has no input that takes samples", hint)

    @property
    def delegate(self) -> str:
        """``XNNPACK``, or ``built-in kernels`` where it takes none of the operators."""
        # Private, but the only way to see whether LiteRT applied its default delegate.
        names = {operator["op_name"] for operator in self._litert._get_ops_details()}
        return "XNNPACK" if "DELEGATE" in names else "built-in kernels"

    def allocate(self, batch: int, samples: Mapping[str, tuple[int, ...]] | None = None) -> None:
        """Prepare invocations of ``batch`` samples.

        Args:
            batch: How many samples one invocation takes.
            samples: Shape of one sample for each input; without it, the model's own, with 1
                for what the model leaves open.

        Raises:
            JobError: The model has another, fixed batch size, or LiteRT cannot run it.
        """
        try:
            for tensor in self.inputs.values():
                if tensor.shape[0] not in (_ANY, batch):
                    cause = f"the model takes batches of {tensor.shape[0]}, not {batch}"
                    raise JobError(cause, "convert it with an open batch size")
                sample = samples[tensor.name] if samples else tensor.shape[1:]
                sizes = [batch, *(1 if size == _ANY else size for size in sample)]
                self._litert.resize_tensor_input(tensor.index, sizes)
            self._litert.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _refusal(f"cannot prepare the model for batches of {batch}", error) from error
        self._batch = batch
        self._samples = samples

    def twin(self) -> "Interpreter":
        """Return another interpreter of the same model, prepared for the same batches."""
        twin = Interpreter(self._path, self._threads)
        twin.allocate(self._batch, self._samples)
        return twin

    def fill(self, stored: Mapping[str, Array]) -> None:
        """Set the inputs of the next invocation, as they are stored."""
        for name, value in stored.items():
            self._litert.set_tensor(self.inputs[name].index, value)

    def invoke(self) -> None:
        """Run once on what ``fill`` set.

        Raises:
            JobError: LiteRT cannot run the model on it.
        """
        try:  # costs nothing in what is timed, unlike a context manager
            self._litert.invoke()
        except (RuntimeError, ValueError) as error:
            raise _refusal("cannot run the model", error) from error

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run any number of samples; the first call settles how many one invocation takes.

        Args:
            values: Real numbers for every input, samples first; quantized as the model asks.

        Returns:
            Every output by name, samples first; quantized ones as float32.

        Raises:
            JobError: An input takes whole numbers and gets others, or LiteRT cannot run it.
        """
        stored = {name: self.inputs[name].to_stored(value) for name, value in values.items()}
        if self._batch:
            return self._run(stored)
        samples = {name: value.shape[1:] for name, value in values.items()}
        fixed = max(tensor.shape[0] for tensor in self.inputs.values())
        if fixed != _ANY:
            self.allocate(fixed, samples)
            return self._run(stored)
        try:
            self.allocate(_length(stored), samples)
            return self._run(stored)
        except JobError:  # a reshape inside may hold one sample only, whatever the input says
            self._litert = load(self._path, self._threads)
            self.allocate(1, samples)
            return self._run(stored)

    def _run(self, stored: Mapping[str, Array]) -> dict[str, Array]:
        count, batch = _length(stored), self._batch
        if count == batch:
            return self._run_batch(stored)
        parts = [
            self._run_batch({name: _rows(v, start, batch) for name, v in stored.items()})
            for start in range(0, count, batch)
        ]
        return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}

    def _run_batch(self, stored: Mapping[str, Array]) -> dict[str, Array]:
        # An LSTM of LiteRT goes on from the state that the samples before have left.
        # https://github.com/tensorflow/tensorflow/issues/47813
        self._litert.reset_all_variables()
        self.fill(stored)
        started = time.perf_counter()
        self.invoke()
        self.invoke_s += time.perf_counter() - started
        results = {}
        for name, tensor in self.outputs.items():
            result = self._litert.get_tensor(tensor.index)
            if result.shape[:1] != (self._batch,):
                cause = f"output {name} has shape {result.shape} for {self._batch} samples"
                raise JobError(cause, "make the sample the first axis of every output")
            results[name] = tensor.to_real(result)
        return results


def load(path: Path, threads: int) -> Any:
    """Return LiteRT's own interpreter of the ``.tflite`` at ``path``.

    Raises:
        JobError: The file is missing, damaged or of another format.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise JobError(f"cannot read {path}: {error.strerror}", "correct the path") from error
    if start[4:] != _IDENTIFIER:
        raise JobError(f"{path} is not a .tflite: it starts with {start!r}", "convert the model")
    try:
        return LiteRT(model_path=str(path), num_threads=threads)
    except (RuntimeError, ValueError) as error:
        cause = f"{path} is a damaged .tflite: {_one_line(error)}"
        raise JobError(cause, "copy or convert it again") from error


def _signature(litert: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Read names from the signature: the order of the tensors themselves is not reliable.

    Of several signatures, the one that ``invoke`` runs is that of the primary subgraph.
    """
    inputs = {details["name"]: details for details in litert.get_input_details()}
    outputs = {details["name"]: details for details in litert.get_output_details()}
    for key in litert.get_signature_list():
        runner = litert.get_signature_runner(key)
        named = runner.get_input_details()
        if {details["name"] for details in named.values()} == inputs.keys():
            inputs, outputs = named, runner.get_output_details()
            break
    return _tensors(inputs), _tensors(outputs)


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    return {name: Tensor.from_details(name, each) for name, each in details.items()}


def _length(stored: Mapping[str, Array]) -> int:
    return len(next(iter(stored.values())))


def _rows(value: Array, start: int, batch: int) -> Array:
    rows = value[start : start + batch]
    return rows if len(rows) == batch else np.resize(rows, (batch, *rows.shape[1:]))


def _refusal(what: str, error: Exception) -> JobError:
    return JobError(f"LiteRT {what}: {_one_line(error)}", "see the log for its own messages")


def _one_line(error: Exception) -> str:
    return textwrap.shorten(str(error), width=300, placeholder=" ...")
