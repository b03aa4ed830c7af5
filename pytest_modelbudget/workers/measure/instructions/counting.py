"""Counts the instructions of one invocation in two processes; see ``docs/instructions.md``."""

import json
import os
import platform
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.inference_costs import FunctionCost, Instructions
from pytest_modelbudget.protocol.measurement_jobs import InstructionsJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.instructions import callgrind_output, invocations
from pytest_modelbudget.workers.measure.instructions.callgrind_output import InvocationCost
from pytest_modelbudget.workers.measure.targets.program import run
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.random_inputs import random_invocation

WARMUP, COUNTED = 3, 3  # invocations in each process
PROCESSES = 2
_PADDING = 4096  # bytes by which the environments differ
_LIBRARIES = ("LD_LIBRARY_PATH", "VALGRIND_LIB")  # where Python and Valgrind find theirs
_MACHINE = "x86_64"
_REASON = re.compile(r"unhandled instruction bytes: .*|valgrind: .*|Process terminating with .*")


def count_instructions(job: InstructionsJob, output: Path, progress: Progress) -> Instructions:
    """Count the instructions of one invocation on random inputs from a fixed seed.

    The processes differ in what must not matter: hash seed, environment and working directory.

    Args:
        job: What to count.
        output: Where temporary files are made.
        progress: Is told the activity.

    Raises:
        JobError: if LiteRT or Valgrind cannot run the model, if random inputs of its types and
            shapes cannot be made, or if the counts of two invocations differ.
    """
    if platform.machine() != _MACHINE:
        cause = f"instructions are counted on {_MACHINE} only, and this is {platform.machine()}"
        raise JobError(cause, "leave the limit out on this machine")
    interpreter = Interpreter(job.counted, threads=1)
    inputs = random_invocation(interpreter.inputs, job.batch_size)
    interpreter.allocate(job.batch_size)
    interpreter.fill(inputs)
    interpreter.invoke()  # without Valgrind first, because its errors are LiteRT's own
    progress("counting instructions")
    with (
        TemporaryDirectory(dir=output) as folder,
        ThreadPoolExecutor(PROCESSES) as pool,
    ):
        stored = Path(folder) / "inputs"
        stored.mkdir()
        for name, values in inputs.items():
            np.save(stored / f"{interpreter.inputs[name].index}.npy", values)
        found = list(pool.map(partial(_run, job, stored), range(PROCESSES)))
    counted = [each for _, process in found for each in process]
    _require_equal(counted)
    cpu, _ = found[0]
    return Instructions(
        count=counted[0].count,
        uncounted=counted[0].uncounted,
        functions=_costs(counted[0].functions),
        outside_xnnpack=_costs(counted[0].operators),
        valgrind=job.version,
        cpu=cpu,
    )


def _run(job: InstructionsJob, inputs: Path, number: int) -> tuple[str, list[InvocationCost]]:
    """Count in one process; return the CPU features that it had, and each invocation."""
    folder = inputs.parent / str(number)
    folder.mkdir()
    log = folder / "log"
    valgrind = [
        str(job.valgrind),
        "--tool=callgrind",
        "--vgdb=no",  # it would make files in /tmp
        "--instr-atstart=no",
        f"--toggle-collect={callgrind_output.INVOKED_FROM}",
        "--compress-strings=no",
        "--compress-pos=no",
        "--callgrind-out-file=counted",
        f"--log-file={log}",
    ]
    # Valgrind does not follow a launcher such as a shell script. With these options, neither the
    # user's code nor .pth files run before the program.
    python = [os.readlink("/proc/self/exe"), "-P", "-s", "-S"]
    program = [invocations.__file__, json.dumps(sys.path), str(job.counted), str(inputs)]
    # Without HOME there is no ~/.valgrindrc.
    environment = {
        "PYTHONHASHSEED": str(number),
        "PADDING": number * _PADDING * "x",
        **{name: os.environ[name] for name in _LIBRARIES if name in os.environ},
    }
    command = [*valgrind, *python, *program, str(WARMUP), str(COUNTED)]
    try:
        cpu = run(command, job.timeout_s, folder, environment).strip()
    except JobError as error:
        raise _explained(error, log) from error
    files = sorted(folder.glob("counted.*"), key=lambda file: int(file.suffix[1:]))
    counted = [callgrind_output.parse(file.read_text()) for file in files]
    if len(counted) != COUNTED:
        cause = f"callgrind has counted {len(counted)} of {COUNTED} invocations"
        raise JobError(cause, "report this version of Valgrind as unsupported")
    return cpu, counted


def _explained(error: JobError, log: Path) -> JobError:
    """Return the error with the reason that Valgrind wrote to its log, if there is one."""
    text = log.read_text(errors="replace") if log.exists() else ""
    sys.stderr.write(text)
    reason = _REASON.search(text)
    if isinstance(error.__cause__, subprocess.TimeoutExpired):
        return JobError(error.cause, "raise `timeout`")
    if reason is None:
        return JobError(error.cause, "the log shows all that it wrote")
    return JobError(f"Valgrind cannot run LiteRT: {reason[0]}", "install a newer Valgrind")


def _require_equal(counted: Iterable[InvocationCost]) -> None:
    least, *_, most = sorted(counted, key=lambda each: each.count)
    if least.count != most.count:
        differing = (most.functions - least.functions) + (least.functions - most.functions)
        names = ", ".join(name for name, _ in differing.most_common(3))
        cause = f"the counts of equal invocations differ, {least.count:,} and {most.count:,}"
        raise JobError(f"{cause}, in {names}", "judge the model by another limit")


def _costs(found: Counter[str]) -> tuple[FunctionCost, ...]:
    return tuple(FunctionCost(name=name, instructions=own) for name, own in found.most_common())
