"""Whether counts of instructions differ on a busy machine, and how they relate to time.

Run ``python -m benchmarks.instructions``, with ``--artifacts`` for the second table: a folder that
``pytest budgets --budget-artifacts`` has filled. Every trial is a line of the log: a run that was
stopped continues where it stopped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scipy import stats

from benchmarks.chains import write_chain
from benchmarks.latency import LOADS, Log, busy
from benchmarks.pairs import spread

ROOT = Path(__file__).parents[1]
SIDE, CHANNELS, LAYERS = 19, 16, 10
MODELS = {"as it is": 0, "one more channel": 1}
FAMILIES = {
    "xnn_qs8": "int8 in XNNPACK",
    "xnn_qd8": "dynamic in XNNPACK",
    "xnn_f": "float in XNNPACK",
}


def run(log: Log, folder: Path, runs: int, artifacts: Sequence[Path]) -> None:
    """Run what the log lacks."""
    files = {name: folder / f"{name}.tflite" for name in MODELS}
    for name, file in files.items():
        write_chain(file, SIDE, CHANNELS, LAYERS, more=MODELS[name])
    log.once("one more channel", partial(trial, folder, files["one more channel"], 0))
    for number in range(runs):
        load = LOADS[number % len(LOADS)]
        key = f"as it is, {load} busy, {number}"
        if key not in log.entries:
            with busy(load):
                log.once(key, partial(trial, folder, files["as it is"], number))
    for artifact in artifacts:
        log.once(f"artifact {artifact.stem}", partial(trial, folder, artifact, 0, "latency"))


def trial(folder: Path, model: Path, number: int, *also: str) -> dict[str, Any]:
    """Count in one of two directories, with another hash seed and environment each time."""
    directory = folder / ("even" if number % 2 else "an odd directory with a longer name")
    directory.mkdir(exist_ok=True)
    own = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(number), "PADDING": number * 997 * "x"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.instructions_trial", str(model.resolve()), *also],
        cwd=directory,
        env=os.environ | own,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        # A count that differs from another is the answer, not the end of the benchmark.
        return {"count": None, "error": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def summary(log: Log) -> Iterator[str]:
    """Yield the lines of the Markdown tables."""
    counted = [entry for key, entry in log.entries.items() if key.startswith("as it is")]
    expected = counted[0]["count"]
    yield "| busy processes | runs | that differ | a count takes (CPU) | (wall) |"
    yield "| --- | --- | --- | --- | --- |"
    for load in LOADS:
        own = [entry for entry in counted if f", {load} busy," in entry["key"]]
        if own:
            differ = sum(entry["count"] != expected for entry in own)
            ended = [entry for entry in own if entry["count"] is not None]
            took = [spread([each[name] for each in ended], " s") for name in ("cpu_s", "seconds")]
            yield f"| {load} | {len(own)} | {differ} | {' | '.join(took)} |"
    wider = log.entries["one more channel"]["count"]
    yield ""
    yield f"{expected:,} instructions; with one more channel in one of {LAYERS} layers {wider:,}"
    artifacts = [entry for key, entry in log.entries.items() if key.startswith("artifact")]
    if artifacts:
        yield ""
        yield from by_family(artifacts)


def by_family(artifacts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| kernels | models | instructions per ns | rank correlation with the median latency |"
    yield "| --- | --- | --- | --- |"
    families: dict[str, list[Mapping[str, Any]]] = {}
    for entry in artifacts:
        families.setdefault(family(entry["kernel"]), []).append(entry)
    for name, own in [*families.items(), ("all", artifacts)]:
        rates = spread([each["count"] / each["p50_s"] / 1e9 for each in own])
        yield f"| {name} | {len(own)} | {rates} | {rank_correlation(own)} |"


def family(kernel: str) -> str:
    return next((name for start, name in FAMILIES.items() if kernel.startswith(start)), "built-in")


def rank_correlation(own: Sequence[Mapping[str, Any]]) -> str:
    if len(own) < 3:
        return ""
    counts, seconds = [each["count"] for each in own], [each["p50_s"] for each in own]
    return f"{stats.spearmanr(counts, seconds).statistic:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--artifacts", type=Path)
    parser.add_argument("--log", type=Path, default=ROOT / ".modelbudget" / "instructions.jsonl")
    options = parser.parse_args()
    options.log.parent.mkdir(exist_ok=True)
    artifacts = sorted(options.artifacts.rglob("*.tflite")) if options.artifacts else []
    log = Log(options.log)
    with tempfile.TemporaryDirectory() as folder:
        run(log, Path(folder), options.runs, artifacts)
    print(*summary(log), sep="\n")


if __name__ == "__main__":
    main()
