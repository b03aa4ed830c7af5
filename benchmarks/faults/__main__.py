"""Run the trials, and print their table.

Run ``python -m benchmarks.faults``; it takes about an hour. It continues where it was interrupted,
from the log. Trials of all kinds take turns, and ``--only`` repeats one by its name.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from itertools import chain, zip_longest
from pathlib import Path

from benchmarks.faults import crowds, damage, disk, signals
from benchmarks.faults.trial import Bench, Trial
from benchmarks.gated import print_table
from tests.zygote import Zygotes

LOG = Path(tempfile.gettempdir(), "faults.jsonl")


def main() -> None:
    """Run what is not in the log yet, and print the table of all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, default=LOG, help=f"default: {LOG}")
    parser.add_argument("--only", default="", help="a part of the names of the trials to run")
    options = parser.parse_args()
    known = {str(each["name"]): each for each in _read(options.log)}
    with tempfile.TemporaryDirectory() as folder:
        path = os.environ.get("PYTHONPATH", "")
        bench = Bench(Path(folder), Zygotes(f"{folder}/zygotes", os.getpid(), path))
        groups = [crowds.trials(), disk.trials(), damage.trials(bench), signals.trials()]
        trials = [list(group) for group in groups]
        for trial in chain.from_iterable(zip_longest(*trials)):
            if trial and options.only in trial.name and trial.name not in known:
                known[trial.name] = _run(trial, bench)
                with options.log.open("a") as log:
                    log.write(json.dumps(known[trial.name]) + "\n")
    _print([trial for group in trials for trial in group if trial.name in known], known)


def _run(trial: Trial, bench: Bench) -> dict[str, object]:
    began_s = time.monotonic()
    outcome = asdict(trial.run(bench))
    bad = outcome["hangs"] or outcome["wrong_greens"] or not outcome["identical"]
    seconds = time.monotonic() - began_s
    print(f"{seconds:5.1f} s {trial.name} {outcome if bad else ''}", file=sys.stderr, flush=True)
    return {"name": trial.name, "seconds": seconds, **outcome}


def _print(trials: list[Trial], known: dict[str, dict[str, object]]) -> None:
    counts: dict[str, Counter[str]] = {}
    phases: dict[str, dict[str, None]] = {}
    for trial in trials:
        found = known[trial.name]
        phases.setdefault(trial.fault, {})[trial.phase.partition(" (")[0]] = None
        count = counts.setdefault(trial.fault, Counter())
        count["trials"] += 1
        count["hangs"] += int(str(found["hangs"]))
        count["wrong greens"] += bool(found["wrong_greens"])
        count["not identical"] += not found["identical"]
    columns = ("trials", "hangs", "wrong greens", "not identical")
    rows = [
        [fault, _shown(list(phases[fault])), *(str(count[each]) for each in columns)]
        for fault, count in counts.items()
    ]
    total = sum(counts.values(), Counter[str]())
    rows.append(["all", "", *(str(total[each]) for each in columns)])
    print_table(["fault", "phase or place", *columns], rows)


def _shown(phases: list[str]) -> str:
    if len(phases) <= 12:
        return ", ".join(phases)
    return f"{phases[0]} to {phases[-1]}"


def _read(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


if __name__ == "__main__":
    main()
