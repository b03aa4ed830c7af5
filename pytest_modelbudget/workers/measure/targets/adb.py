"""An Android device through ``adb`` and LiteRT's own ``benchmark_model``."""

import re
import shlex
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.measurement_jobs import Adb, TargetJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.targets.program import output_tail, run

_ROOT = "/data/local/tmp"  # `adb shell` may write and execute files here
_STATES = {
    "unauthorized": "unlock its screen and allow USB debugging",
    "offline": "plug it in again, or run `adb kill-server`",
    "no permissions": "add a udev rule for it, see `adb devices`",
}
_CONNECT = "connect one with USB debugging on, or run `adb connect HOST:PORT`; see `adb devices`"
_BUILD = (
    "give --budget-adb-benchmark=PATH, built from LiteRT's //tflite/tools/benchmark:"
    "benchmark_model for the device"
)
# The first such line is about the warm-up, the last about the timed runs. Old versions do not
# print a median (tsl/util/stats_calculator.h).
_STATISTICS = re.compile(r"count=(\d+).*?\bmedian=(\d+)")


def measure(_target: str, job: TargetJob, progress: Progress) -> Figures:
    """Push ``benchmark_model`` and the model, run it, and read the median that it prints.

    Returns:
        Only ``latency_s``: ``benchmark_model`` does not print the 90th or 99th percentile, and the
        memory that it prints is the growth of its own process, not the memory of the model.

    Raises:
        JobError: If adb, a device or ``benchmark_model`` is missing, or one of them fails.
    """
    benchmark = _benchmark_model(job.adb)
    device = _Device(job.adb, job.timeout_s)
    folder = f"{_ROOT}/pytest-modelbudget-{uuid4().hex}"
    try:
        progress(f"pushing the model to {device.serial}")
        device.shell("mkdir", folder)
        device.adb("push", str(benchmark), f"{folder}/benchmark_model")
        device.adb("push", str(job.model), f"{folder}/model.tflite")
        device.shell("chmod", "755", f"{folder}/benchmark_model")
        progress(f"timing on {device.serial}")
        output = device.shell(
            f"{folder}/benchmark_model",
            f"--graph={folder}/model.tflite",
            f"--num_threads={job.threads}",
        )
    finally:
        device.remove(folder)
    return _figures(output, device, job.threads)


def _benchmark_model(adb: Adb) -> Path:
    if adb.benchmark_model is None:
        raise JobError("no benchmark_model is set", _BUILD)
    if not adb.benchmark_model.is_file():
        raise JobError(f"{adb.benchmark_model} is not a file", _BUILD)
    return adb.benchmark_model


def _figures(output: str, device: "_Device", threads: int) -> Figures:
    found = _STATISTICS.findall(output)
    if not found:
        cause = f"benchmark_model on {device.serial} did not print a median{output_tail(output)}"
        raise JobError(cause, _BUILD)
    count, median_us = map(int, found[-1])
    if not (count and median_us):
        cause = (
            f"benchmark_model on {device.serial} printed a median of {median_us} us of {count} runs"
        )
        raise JobError(
            cause, "the model is too fast for the resolution of benchmark_model, which is 1 us"
        )
    how = f"median of {count:,} runs of benchmark_model on {device.name}, --num_threads={threads}"
    return Figures(latency_s=median_us / 1e6, how=how)


class _Device:
    """The device to use; creating it raises ``JobError`` if it is ambiguous or not ready."""

    def __init__(self, adb: Adb, timeout_s: float) -> None:
        program = shutil.which(adb.program)
        if program is None:
            hint = "install Android's platform-tools, or give --budget-adb=PATH"
            raise JobError(f"{adb.program} was not found", hint)
        self._program = program
        self._timeout_s = timeout_s
        self.serial = _choose(run([program, "devices"], timeout_s), adb.serial)
        model = self.shell("getprop", "ro.product.model").strip()
        self.name = f"{model} ({self.serial})" if model else self.serial

    def adb(self, *arguments: str) -> str:
        return run([self._program, "-s", self.serial, *arguments], self._timeout_s)

    def shell(self, *arguments: str) -> str:
        return self.adb("shell", shlex.join(arguments))  # adb passes one line to the device's shell

    def remove(self, folder: str) -> None:
        with suppress(JobError):  # if the device is gone, the error before is the cause
            self.shell("rm", "-rf", folder)


def _choose(listed: str, wanted: str) -> str:
    """Choose a device from the output of ``adb devices``, whose lines are ``SERIAL<TAB>STATE``."""
    states = dict(line.split("\t", maxsplit=1) for line in listed.splitlines() if "\t" in line)
    serials = [wanted] if wanted else list(states)
    if not serials:
        raise JobError("no device is connected", _CONNECT)
    if len(serials) > 1:
        cause = f"{len(serials)} devices are connected: {', '.join(serials)}"
        raise JobError(cause, "choose one with --budget-adb-serial=SERIAL")
    serial = serials[0]
    if serial not in states:
        connected = ", ".join(states) or "none"
        raise JobError(f"device {serial} is not connected; connected: {connected}", _CONNECT)
    state = states[serial].strip()
    if state != "device":
        hint = next((hint for name, hint in _STATES.items() if state.startswith(name)), _CONNECT)
        raise JobError(f"device {serial} is not ready: {state}", hint)
    return serial
