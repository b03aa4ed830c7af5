"""One trial, in a process of its own: ``python -m benchmarks.instructions_trial MODEL [latency]``.

Prints JSON: the instructions of one invocation, the kernel that took most, what counting took, and
with ``latency`` the median of an invocation.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.pairs import cpu_s
from pytest_modelbudget.engine.valgrind import find_valgrind
from pytest_modelbudget.protocol.measurement_jobs import InstructionsJob, LatencyBound, LatencyJob
from pytest_modelbudget.workers.measure.instructions.counting import count_instructions
from pytest_modelbudget.workers.measure.latency.timing import measure_latency


def main() -> None:
    model = Path(sys.argv[1])
    valgrind = find_valgrind()
    job = InstructionsJob(
        counted=model,
        batch_size=1,
        valgrind=valgrind.program,
        version=valgrind.version,
        timeout_s=3600,
    )
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        counted = count_instructions(job, Path(folder), lambda _activity: None)
    found = {
        "count": counted.count,
        "kernel": counted.functions[0].name,
        "seconds": time.perf_counter() - started_s,
        "cpu_s": cpu_s(),
    }
    if sys.argv[2:] == ["latency"]:
        bounds = (LatencyBound(statistic="p50", bound=1e-9),)
        timed = LatencyJob(model=model, threads=1, batch_size=1, bounds=bounds)
        found["p50_s"] = measure_latency(timed, lambda _activity: None).estimates["p50"].value
    print(json.dumps(found))


if __name__ == "__main__":
    main()
