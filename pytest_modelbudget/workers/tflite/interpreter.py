"""Runs a ``.tflite`` on batches of real values, also if its inputs and outputs are quantized."""

import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import OpResolverType

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.tflite.signature import Signature
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.datasets import Array

_ANY = -1
_IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite


class Interpreter:
    """One ``.tflite`` in LiteRT.

    Attributes:
        litert: LiteRT's own interpreter.
        inputs: By their names in the signature, or by tensor names if there is none.
        outputs: Likewise.
        invoke_s: The seconds that invocations took so far.
        has_own_threads: False: with one thread, an invocation runs in the thread that calls it.
    """

    litert: Any
    inputs: dict[str, TensorDetails]
    outputs: dict[str, TensorDetails]
    invoke_s: float
    has_own_threads = False

    def __init__(
        self, path: Path, threads: int, kernels: OpResolverType = OpResolverType.BUILTIN
    ) -> None:
        """Load a model.

        Args:
            path: The ``.tflite``.
            threads: How many threads one invocation may use.
            kernels: The default includes XNNPACK, LiteRT's default delegate.

        Raises:
            JobError: if the file is missing, damaged or of another format, or if an input has no
                axis for samples.
        """
        self._path, self._threads, self._kernels = path, threads, kernels
        self._batch = 0
        self.litert = open_file(path, threads, kernels)
        signature = Signature.of(self.litert)
        self.inputs, self.outputs = signature.inputs, signature.outputs
        self.invoke_s = 0.0
        if not self.inputs or not all(tensor.shape for tensor in self.inputs.values()):
            hint = "make the sample the first axis of every input"
            raise JobError(f"{path} has no input that takes samples", hint)

    @property
    def delegate(self) -> str:
        """``XNNPACK``, or ``built-in kernels`` if XNNPACK supports none of the operators."""
        # LiteRT has no public function that tells whether it applied its default delegate.
        names = {operator["op_name"] for operator in self.litert._get_ops_details()}
        return "XNNPACK" if "DELEGATE" in names else "built-in kernels"

    @property
    def keeps_state(self) -> bool:
        """Whether each invocation continues from the state of the one before.

        A stateful layer of Keras does so. ``reset_all_variables`` does not change its state.
        """
        return any(each["op_name"] == "VAR_HANDLE" for each in self.litert._get_ops_details())

    def allocate(self, batch: int, samples: Mapping[str, tuple[int, ...]] | None = None) -> None:
        """Prepare invocations of ``batch`` samples.

        Args:
            batch: How many samples one invocation takes.
            samples: The shape of one sample for each input. If it is None, that of the model, with
                1 for open sizes.

        Raises:
            JobError: if the model has another, fixed batch size, or LiteRT cannot prepare it.
        """
        try:
            for tensor in self.inputs.values():
                if tensor.shape[0] not in (_ANY, batch):
                    cause = f"the model takes batches of {tensor.shape[0]}, not {batch}"
                    raise JobError(cause, "convert it with an open batch size")
                sample = samples[tensor.name] if samples else tensor.shape[1:]
                sizes = [batch, *(1 if size == _ANY else size for size in sample)]
                self.litert.resize_tensor_input(tensor.index, sizes)
            self.litert.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _refusal(f"cannot prepare the model for batches of {batch}", error) from error
        self._batch = batch
        self._samples = samples

    def twin(self) -> "Interpreter":
        """Return another interpreter of the same model, prepared for the same batches."""
        twin = Interpreter(self._path, self._threads, self._kernels)
        twin.allocate(self._batch, self._samples)
        return twin

    def fill(self, stored: Mapping[str, Array]) -> None:
        """Set the inputs of the next invocation, by name, to values as they are stored."""
        for name, value in stored.items():
            self.litert.set_tensor(self.inputs[name].index, value)

    def invoke(self) -> None:
        """Run once on the inputs that ``fill`` set.

        Raises:
            JobError: if LiteRT cannot run the model on them.
        """
        try:  # unlike a context manager, it adds nothing to the time that is measured
            self.litert.invoke()
        except (RuntimeError, ValueError) as error:
            raise _refusal("cannot run the model", error) from error

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run any number of samples. The first call sets the batch size of every invocation.

        Args:
            values: Real numbers for each input, of shape ``(samples, ...)``; they are quantized
                where the input is.

        Returns:
            Each output by name, of shape ``(samples, ...)``; float32 where it is quantized.

        Raises:
            JobError: if an input takes integers and gets other numbers, or LiteRT cannot run the
                model.
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
        except JobError:  # a reshape may fix the batch size at 1 although the input leaves it open
            self.litert = open_file(self._path, self._threads, self._kernels)
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
        # An LSTM of LiteRT would continue from the state after the samples before.
        # https://github.com/tensorflow/tensorflow/issues/47813
        self.litert.reset_all_variables()
        self.fill(stored)
        started = time.perf_counter()
        self.invoke()
        self.invoke_s += time.perf_counter() - started
        results = {}
        for name, tensor in self.outputs.items():
            result = self.litert.get_tensor(tensor.index)
            if result.shape[:1] != (self._batch,):
                cause = f"output {name} has shape {result.shape} for {self._batch} samples"
                raise JobError(cause, "make the sample the first axis of every output")
            results[name] = tensor.to_real(result)
        return results


def open_file(
    path: Path, threads: int = 1, kernels: OpResolverType = OpResolverType.BUILTIN
) -> Any:
    """Return LiteRT's own interpreter of the ``.tflite`` at ``path``.

    Raises:
        JobError: if the file is missing, damaged or of another format.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise JobError(f"cannot read {path}: {error.strerror}", "correct the path") from error
    if start[4:] != _IDENTIFIER:
        raise JobError(f"{path} is not a .tflite: it starts with {start!r}", "convert the model")
    try:
        return open_model(path, kernels, threads)
    except (RuntimeError, ValueError) as error:
        cause = f"{path} is a damaged .tflite: {_one_line(error)}"
        raise JobError(cause, "copy or convert it again") from error


def _length(stored: Mapping[str, Array]) -> int:
    return len(next(iter(stored.values())))


def _rows(value: Array, start: int, batch: int) -> Array:
    rows = value[start : start + batch]
    return rows if len(rows) == batch else np.resize(rows, (batch, *rows.shape[1:]))


def _refusal(what: str, error: Exception) -> JobError:
    return JobError(f"LiteRT {what}: {_one_line(error)}", "see the log for its own messages")


def _one_line(error: Exception) -> str:
    return textwrap.shorten(str(error), width=300, placeholder=" ...")
