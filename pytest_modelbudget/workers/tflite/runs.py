"""Runs a ``.tflite`` with kernels of one's choice, also in a process of its own.

The reference kernels lack some operators, and end the whole process where they meet numbers
that they did not expect.
"""

import multiprocessing
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pytest_modelbudget.workers.compress.verify.probes import Values


def run_in_child(
    model: bytes, kernels: OpResolverType, samples: list[Values], wanted: list[int] | None = None
) -> Values:
    """As ``run``, but return nothing, and log it, where the kernels cannot."""
    context = multiprocessing.get_context("fork")  # as the workers are: it imports nothing anew
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, model, kernels, samples, wanted)
    child = context.Process(target=_send, args=arguments, daemon=True)
    child.start()
    sender.close()
    try:
        found: Values | str = receiver.recv()
    except EOFError:
        found = "they ended their process"
    child.join()
    if isinstance(found, str):
        sys.stderr.write(
            f"there is nothing to compare with: the {kernels.name} kernels cannot: {found}\n"
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
        sender.send(run(model, kernels, samples, wanted))
    except (RuntimeError, ValueError) as error:
        sender.send(str(error))


def run(
    model: bytes, kernels: OpResolverType, samples: list[Values], wanted: list[int] | None = None
) -> Values:
    """Return outputs, or the tensors ``wanted``, as stored: those of all samples in a row."""
    interpreter = Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=kernels,
        experimental_preserve_all_tensors=wanted is not None,
    )
    interpreter.allocate_tensors()
    if wanted is None:
        wanted = [output["index"] for output in interpreter.get_output_details()]
    runs = [invoke(interpreter, sample, wanted) for sample in samples]
    if len(runs) == 1:
        return runs[0]
    return {index: np.concatenate([run[index].ravel() for run in runs]) for index in wanted}


def invoke(interpreter: Any, sample: Values, wanted: list[int]) -> Values:
    """Run once, from no state, and return the tensors ``wanted``."""
    interpreter.reset_all_variables()
    for index, value in sample.items():
        interpreter.set_tensor(index, value)
    interpreter.invoke()
    values = {}
    for index in wanted:
        with suppress(ValueError):  # some tensors never have data, such as those of a loop
            values[index] = interpreter.get_tensor(index)
    return values
