"""How often the latency gate is wrong on a busy machine, beside simpler ways to measure.

Run ``python -m benchmarks.latency`` on a machine that does nothing else; 200 trials take about
five hours. Every trial is a line of the log: a run that was stopped continues where it stopped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.chains import write_chain
from benchmarks.pairs import spread

SHAPES = {"45 us": (19, 16), "5 ms": (54, 64)}  # side and channels of ten convolutions
LOADS = (0, 2, 4)
QUIET = 9  # trials whose median is the true value
BUSY = (
    "while True: sum(range(100000))",
    "import numpy; a = numpy.ones(2000000)\nwhile True: a *= 1.0000001",
)
WAYS = {
    "median_s": "median of 1 s",
    "mean_of_50_s": "mean of 50 runs",
    "litert_benchmark_s": "litert-benchmark",
}


@dataclass(frozen=True)
class Model:
    """A model of ``layers`` convolutions: 10, or 11 where it was really slowed."""

    name: str
    layers: int

    @property
    def label(self) -> str:
        """What the tables and the log call it."""
        return f"{self.name}, {self.layers} layers"


MODELS = [Model(name, layers) for name in SHAPES for layers in (10, 11)]


class Log:
    """Lines of JSON; what is in it is not run again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.entries: dict[str, dict[str, Any]] = {
            entry["key"]: entry for entry in map(json.loads, lines)
        }

    def once(self, key: str, run_trial: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the trial ``key``, run now if it is new."""
        if key not in self.entries:
            self.entries[key] = {"key": key, **run_trial()}
            with self._path.open("a") as file:
                file.write(json.dumps(self.entries[key]) + "\n")
        return self.entries[key]


def trial(model: Path, bound: float, *accepted: Path) -> dict[str, Any]:
    """Judge one limit: of the latency in seconds, or of the ratio to an accepted model."""
    command = [sys.executable, "-m", "benchmarks.latency_trial", str(model), str(bound)]
    done = subprocess.run([*command, *map(str, accepted)], check=True, stdout=subprocess.PIPE)
    return {"bound": bound, **json.loads(done.stdout)}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep the machine busy: loops in Python, and numpy streaming through memory, in turn."""
    with ExitStack() as stack:
        for index in range(processes):
            command = [sys.executable, "-c", BUSY[index % 2]]
            process = stack.enter_context(
                subprocess.Popen(command, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
            )
            stack.callback(process.kill)
        time.sleep(0.5 if processes else 0)
        yield


def run(log: Log, folder: Path, trials: int) -> None:
    """Run what the log lacks."""
    files = {model: folder / f"{model.label}.tflite" for model in MODELS}
    for model, file in files.items():
        write_chain(file, *SHAPES[model.name], model.layers)
    true_s = {model: quiet_s(log, model, files[model], "before") for model in MODELS}
    for number in range(trials):
        for load in LOADS:
            with busy(load):
                for model, file in files.items():
                    share = 1.05 if model.layers == 10 else 1 / 1.1
                    key = f"{model.label}, {load} busy, {number}"
                    log.once(key, partial(trial, file, share * true_s[model]))
        print(f"trial {number + 1} of {trials}", file=sys.stderr, flush=True)
    for model, file in files.items():
        quiet_s(log, model, file, f"after {trials}")


def quiet_s(log: Log, model: Model, file: Path, when: str) -> float:
    """Return the median of medians on the quiet machine: the true value."""
    keys = [f"{model.label}, true {when}, {index}" for index in range(QUIET)]
    trials = [log.once(key, partial(trial, file, 1.0)) for key in keys]
    return median(float(each["median_s"]) for each in trials)


def summary(log: Log, trials: int) -> Iterator[str]:
    """Yield the lines of the Markdown tables."""
    yield "| model | true value | litert-benchmark over ours | true value afterwards |"
    yield "| --- | --- | --- | --- |"
    for model in MODELS:
        before, after = (
            [log.entries[f"{model.label}, true {when}, {index}"] for index in range(QUIET)]
            for when in ("before", f"after {trials}")
        )
        medians, later = ([each["median_s"] for each in entries] for entries in (before, after))
        ratios = [each["litert_benchmark_s"] / each["p50_s"] for each in before + after]
        yield (
            f"| {model.label} | {spread(medians, ' ms', 1e3)} | {spread(ratios)} "
            f"| {spread(later, ' ms', 1e3)} |"
        )
    yield ""
    yield "| model | busy processes | way | false alarms | caught | unmeasured | a verdict takes |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name in SHAPES:
        for load in LOADS:
            good, bad = (
                [log.entries[f"{name}, {layers} layers, {load} busy, {n}"] for n in range(trials)]
                for layers in (10, 11)
            )
            yield from rows(f"{name} | {load}", good, bad, WAYS)


def rows(
    cells: str,
    good: Sequence[Mapping[str, Any]],
    bad: Sequence[Mapping[str, Any]],
    ways: Mapping[str, str],
) -> Iterator[str]:
    """Yield a line for our verdicts, and one for each simpler way.

    Args:
        cells: What all lines begin with.
        good: Trials that have to be within the limit.
        bad: Trials that have to exceed it.
        ways: What the trials have of each simpler way, with its title.
    """
    unmeasured = [each["outcome"] == "unmeasured" for each in [*good, *bad]]
    seconds = median(each["seconds"] for each in [*good, *bad])
    alarms, caught = ([each["outcome"] == "exceeded" for each in some] for some in (good, bad))
    yield (
        f"| {cells} | ours | {_share(alarms)} | {_share(caught)} | {_share(unmeasured)} "
        f"| {seconds:.1f} s |"
    )
    for way, title in ways.items():
        alarms, caught = ([each[way] > each["bound"] for each in some] for some in (good, bad))
        yield f"| {cells} | {title} | {_share(alarms)} | {_share(caught)} | | |"


def _share(happened: list[bool]) -> str:
    return f"{sum(happened)} of {len(happened)}"


def main() -> None:
    """Run the trials that are missing, and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--log", type=Path, default=Path("latency.jsonl"))
    options = parser.parse_args()
    log = Log(options.log)
    with tempfile.TemporaryDirectory() as name:
        run(log, Path(name), options.trials)
    print(*summary(log, options.trials), sep="\n")


if __name__ == "__main__":
    main()
