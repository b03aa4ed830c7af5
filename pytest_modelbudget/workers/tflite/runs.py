"""Runs a ``.tflite`` with chosen kernels, on inputs as they are stored."""

import multiprocessing
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter as LiteRT
from ai_edge_litert.interpreter import OpResolverType

from pytest_modelbudget.workers.tflite.tensors import Values


def open_model(
    model: bytes | Path,
    kernels: OpResolverType = OpResolverType.BUILTIN,
    threads: int = 1,
    *,
    keeps_tensors: bool = False,
) -> Any:
    """Return an interpreter of LiteRT.

    Args:
        model: A ``.tflite``.
        kernels: ``BUILTIN`` includes XNNPACK, LiteRT's default delegate.
        threads: How many threads one invocation may use.
        keeps_tensors: Whether all tensors keep their values, not the outputs alone.

    Raises:
        RuntimeError: if the model is damaged or has operators that LiteRT does not know.
        ValueError: likewise.
    """
    source = {"model_path": str(model)} if isinstance(model, Path) else {"model_content": model}
    return LiteRT(
        **source,
        num_threads=threads,
        experimental_op_resolver_type=kernels,
        experimental_preserve_all_tensors=keeps_tensors,
    )


def invoke(litert: Any, sample: Values, wanted: list[int]) -> Values:
    """Run an interpreter once, from its initial state.

    Args:
        litert: An interpreter of LiteRT, allocated.
        sample: The inputs.
        wanted: The tensors to return.

    Raises:
        RuntimeError: if the kernels cannot run the model.
        ValueError: if an input has another shape or dtype.
    """
    litert.reset_all_variables()
    for index, value in sample.items():
        litert.set_tensor(index, value)
    litert.invoke()
    values = {}
    for index in wanted:
        with suppress(ValueError):  # some tensors never have data, such as those of a loop
            values[index] = litert.get_tensor(index)
    return values


def run_model(
    model: bytes, kernels: OpResolverType, samples: list[Values], wanted: list[int] | None = None
) -> Values:
    """Run a model on several samples.

    Args:
        model: A ``.tflite``.
        kernels: The kernels to run it with.
        samples: The inputs of each invocation.
        wanted: The tensors to return; the outputs if it is None.

    Returns:
        The tensors as they are stored. With more than one sample each is flat, with the values of
        all samples one after the other.

    Raises:
        RuntimeError: if the kernels cannot run the model.
        ValueError: likewise.
    """
    litert = open_model(model, kernels, keeps_tensors=wanted is not None)
    litert.allocate_tensors()
    if wanted is None:
        wanted = [output["index"] for output in litert.get_output_details()]
    runs = [invoke(litert, sample, wanted) for sample in samples]
    if len(runs) == 1:
        return runs[0]
    return {index: np.concatenate([run[index].ravel() for run in runs]) for index in wanted}


def run_in_child(
    model: bytes, kernels: OpResolverType, samples: list[Values], wanted: list[int] | None = None
) -> Values:
    """Run a model as ``run_model`` does, in a process of its own.

    LiteRT's reference kernels lack some operators, and abort the process on values that they do
    not expect.

    Returns:
        The values as ``run_model`` returns them; none if the kernels cannot run the model, and the
        log says why.
    """
    context = multiprocessing.get_context("fork")  # like the workers: it imports nothing again
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, model, kernels, samples, wanted)
    child = context.Process(target=_send, args=arguments, daemon=True)
    child.start()
    sender.close()
    try:
        found: Values | str = receiver.recv()
    except EOFError:
        found = "they crashed"
    child.join()
    if isinstance(found, str):
        sys.stderr.write(
            f"comparison skipped: the {kernels.name} kernels cannot run the model: {found}\n"
        )
        return {}
    return found


def _send(
    sender: Connection,
    model: bytes,
    kernels: OpResolverType,
    samples: list[Values],
    wanted: list[int] | None,
) -> None:
    try:
        sender.send(run_model(model, kernels, samples, wanted))
    except (RuntimeError, ValueError) as error:
        sender.send(str(error))
