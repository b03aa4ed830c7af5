"""One trial, in a process of its own: ``python -m benchmarks.latency_trial MODEL SECONDS``.

Prints JSON: what our protocol says about the limit, and what simpler ways measure.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pytest_modelbudget.judge.results.latencies import LatencyEstimate
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound, LatencyJob
from pytest_modelbudget.workers.measure.latency.timing import measure_latency

PLAIN_S, RUNS, WARMUP = 1.0, 50, 5


def outcome(found: LatencyEstimate, bound_s: float) -> str:
    if found.high <= bound_s:
        return "within"
    return "exceeded" if found.low > bound_s else "unmeasured"


def plain_s(path: Path) -> list[float]:
    """Return the seconds of single invocations, for one second and at least 50 of them."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    random = np.random.default_rng(0).integers(-128, 128, entry["shape"], np.int8)
    interpreter.set_tensor(entry["index"], random)
    seconds: list[float] = []
    while len(seconds) < RUNS + WARMUP or sum(seconds) < PLAIN_S:
        started = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - started)
    return seconds[WARMUP:]


def litert_benchmark_s(path: Path) -> float:
    """Return the median that ``litert-benchmark`` reports."""
    with tempfile.TemporaryDirectory() as name:
        result = Path(name, "result.json")
        module = "ai_edge_litert.tools.benchmark_litert_model"
        options = [f"--model={path}", "--num_threads=1", f"--result_json={result}"]
        command = [sys.executable, "-m", module, *options]
        subprocess.run(command, check=True, capture_output=True)
        return float(json.loads(result.read_text())["latency"]["median_ms"]) / 1e3


def main() -> None:
    path, bound_s = Path(sys.argv[1]), float(sys.argv[2])
    bound = LatencyBound(statistic="p50", bound=bound_s)
    job = LatencyJob(model=path, threads=1, batch_size=1, bounds=(bound,))
    started = time.perf_counter()
    sample = measure_latency(job, lambda _activity: None)
    seconds = time.perf_counter() - started
    found = sample.estimates["p50"]
    plain = plain_s(path)
    print(
        json.dumps(
            {
                "outcome": outcome(found, bound_s),
                "seconds": seconds,
                "p50_s": found.value,
                "interval_s": [found.low, found.high],
                "windows": sample.windows,
                "slow_windows": sample.slow_windows,
                "preempted": sample.preempted / sample.invocations,
                "median_s": median(plain),
                "mean_of_50_s": mean(plain[:RUNS]),
                "litert_benchmark_s": litert_benchmark_s(path),
            }
        )
    )


if __name__ == "__main__":
    main()
