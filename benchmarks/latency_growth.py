"""How often ``max_latency_growth`` is wrong on a busy machine, where both artifacts alternate.

Run ``python -m benchmarks.latency_growth``. Every trial is a line of the log, with the load of the
machine: a run that was stopped continues where it stopped, and the tables say how many trials there
are. ``--trials 0`` prints them without running anything.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chains import write_chain
from benchmarks.latency import LOADS, SHAPES, Log, busy, rows, trial
from benchmarks.pairs import spread

LIMIT = 1.1
ACCEPTED, SLOWER = 10, 12  # layers: 20 % more
WAYS = {
    "ratio_of_medians": "medians of 1 s, one after the other",
    "ratio_of_means_of_50": "means of 50 runs, one after the other",
}


def run(log: Log, folder: Path, trials: int) -> None:
    """Run what the log lacks."""
    files = {
        (name, layers): folder / f"{name}, {layers} layers.tflite"
        for name in SHAPES
        for layers in (ACCEPTED, SLOWER)
    }
    for (name, layers), file in files.items():
        write_chain(file, *SHAPES[name], layers)
    for number in range(trials):
        for load in LOADS:
            lacking = [each for each in files if _key(*each, load, number) not in log.entries]
            if not lacking:
                continue
            with busy(load):
                for name, layers in lacking:
                    key = _key(name, layers, load, number)
                    pair = files[name, layers], LIMIT, files[name, ACCEPTED]
                    log.once(key, partial(trial, *pair))
        print(f"trial {number + 1} of {trials}", file=sys.stderr, flush=True)


def _key(name: str, layers: int, load: int, number: int | str) -> str:
    return f"{name}, {layers} layers against {ACCEPTED}, {load} busy, {number}"


def summary(log: Log) -> Iterator[str]:
    """Yield the lines of the Markdown tables, of as many trials as the log has."""
    cells = [(name, load) for name in SHAPES for load in LOADS]
    found = [(_trials(log, *cell, ACCEPTED), _trials(log, *cell, SLOWER)) for cell in cells]
    yield "| model | busy processes | trials | load average | ratio, same work | 20 % more work |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for (name, load), (same, slower) in zip(cells, found, strict=True):
        loads = spread([each["load"] for each in same + slower])
        ratios = [spread([each["ratio"] for each in some]) for some in (same, slower)]
        count = f"{len(same)} and {len(slower)}"
        yield f"| {name} | {load} | {count} | {loads} | {' | '.join(ratios)} |"
    yield ""
    yield "| model | busy processes | way | false alarms | caught | unmeasured | a verdict takes |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for (name, load), (same, slower) in zip(cells, found, strict=True):
        yield from rows(f"{name} | {load}", same, slower, WAYS)


def _trials(log: Log, name: str, load: int, layers: int) -> list[dict[str, Any]]:
    start = _key(name, layers, load, "")
    return [entry for key, entry in log.entries.items() if key.startswith(start)]


def main() -> None:
    """Run the trials that are missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--log", type=Path, default=Path("latency_growth.jsonl"))
    options = parser.parse_args()
    log = Log(options.log)
    with tempfile.TemporaryDirectory() as name:
        run(log, Path(name), options.trials)
    print(*summary(log), sep="\n")


if __name__ == "__main__":
    main()
