"""From a model to a green gate: what ``modelbudget init`` and the first ``pytest`` take.

Then whether the gate stays green, five times on the machine as it is and five times beside two
busy processes. Run ``python -m benchmarks.init LOG [NAME ...]``; a model whose line is in the log
is not run again.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.first_models import MODELS
from benchmarks.gated import print_table
from benchmarks.latency import busy
from benchmarks.pairs import cpu_s

TIMES = 5
SECONDS = ("wall_s", "cpu_s")
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Taken:
    """What a command took: wall seconds, and CPU seconds with all its processes."""

    wall_s: float
    cpu_s: float
    exitcode: int


@dataclass(frozen=True)
class Trial:
    """One model.

    Attributes:
        init: ``modelbudget init``.
        first: The first ``pytest`` after it.
        idle: How many of ``TIMES`` sessions were green without a load of ours.
        loaded: Likewise beside two busy processes.
        load: The load average of the machine when it began.
    """

    model: str
    variants: int
    init: Taken
    first: Taken
    idle: int
    loaded: int
    load: float


def main(log: Path, names: Sequence[str]) -> None:
    """Run what is not in the log, and print the table of all that is."""
    lines = log.read_text().splitlines() if log.exists() else []
    done = {record["model"]: record for record in map(json.loads, lines)}
    for name in names or MODELS:
        if name not in done:
            done[name] = asdict(trial(name))
            with log.open("a") as file:
                file.write(json.dumps(done[name]) + "\n")
    head = ["model", "variants", "`init`", "CPU", "first `pytest`", "CPU", "green", "beside two"]
    print_table(
        head,
        (
            [
                each["model"],
                str(each["variants"]),
                *(f"{each[part][unit]:.1f} s" for part in ("init", "first") for unit in SECONDS),
                f"{each['idle']} of {TIMES}",
                f"{each['loaded']} of {TIMES}",
            ]
            for each in done.values()
        ),
    )


def trial(name: str) -> Trial:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.first_models", name, str(root)], cwd=ROOT, check=True
        )
        command = "from pytest_modelbudget.cli import main; raise SystemExit(main())"
        init = [sys.executable, "-c", command, "init", "model.keras", "--time", "30m"]
        made = run([*init, "--test=test.npz", "--calibration=calibration.npz"], root)
        if made.exitcode:
            raise SystemExit(f"init of {name} failed")
        gate = [sys.executable, "-m", "pytest", "-q"]
        first = run(gate, root)
        idle = [first, *(run(gate, root) for _ in range(TIMES - 1))]
        with busy(2):
            loaded = [run(gate, root) for _ in range(TIMES)]
        text = (root / "budgets" / "model.budget.yaml").read_text()
    return Trial(
        model=name,
        variants=text.count("    recipe: "),
        init=made,
        first=first,
        idle=[each.exitcode for each in idle].count(0),
        loaded=[each.exitcode for each in loaded].count(0),
        load=load,
    )


def run(command: Sequence[str], folder: Path) -> Taken:
    cpu_before_s, started_s = cpu_s(), time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False)
    return Taken(time.monotonic() - started_s, cpu_s() - cpu_before_s, done.returncode)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
