"""One trial, in a process of its own: ``python -m benchmarks.latency_trial MODEL LIMIT [OTHER]``.

``LIMIT`` is in seconds. With ``OTHER``, an accepted model that alternates with ``MODEL``, it is
the ratio of their latencies. Prints JSON: what our protocol says about the limit, what simpler ways
measure, and the load of the machine before.
"""

import json
import os
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


def plain_ways(path: Path) -> dict[str, float]:
    """Measure a latency in simpler ways."""
    plain = plain_s(path)
    return {
        "median_s": median(plain),
        "mean_of_50_s": mean(plain[:RUNS]),
        "litert_benchmark_s": litert_benchmark_s(path),
    }


def plain_ratios(path: Path, accepted: Path) -> dict[str, float]:
    """Measure both models in simpler ways, one after the other."""
    before, after = plain_s(accepted), plain_s(path)
    return {
        "ratio_of_medians": median(after) / median(before),
        "ratio_of_means_of_50": mean(after[:RUNS]) / mean(before[:RUNS]),
    }


def main() -> None:
    path, value = Path(sys.argv[1]), float(sys.argv[2])
    accepted = Path(sys.argv[3]) if sys.argv[3:] else None
    load = os.getloadavg()[0]
    bound = LatencyBound(statistic="ratio" if accepted else "p50", bound=value)
    job = LatencyJob(model=path, threads=1, batch_size=1, bounds=(bound,), baseline=accepted)
    started = time.perf_counter()
    sample = measure_latency(job, lambda _activity: None)
    seconds = time.perf_counter() - started
    found = sample.estimates[bound.statistic]
    print(
        json.dumps(
            {
                "load": load,
                "outcome": outcome(found, value),
                "seconds": seconds,
                "ratio" if accepted else "p50_s": found.value,
                "interval": [found.low, found.high],
                "windows": sample.windows,
                "slow_windows": sample.slow_windows,
                "preempted": sample.preempted / sample.invocations,
                **(plain_ratios(path, accepted) if accepted else plain_ways(path)),
            }
        )
    )


if __name__ == "__main__":
    main()
