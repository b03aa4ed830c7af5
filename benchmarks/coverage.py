"""How often the intervals of docs/accuracy.md cover the true drop, in simulated paired outcomes.

Run ``python -m benchmarks.coverage``; it takes about two minutes.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from pytest_modelbudget.workers.measure.accuracy.score_intervals import (
    Floats,
    Rows,
    bootstrap,
    tango,
)

CASES, CONFIDENCE = 10_000, 0.95
SAMPLES = (100, 300, 1000, 3000, 10_000)
DISCORDANT = (0.005, 0.01, 0.02, 0.05, 0.1)  # the share of samples that flip
LOST = (0.5, 0.75)  # of those: no drop at all, and half of the flips as a drop
FEW = 10  # flips expected in the whole test set, below which no interval can be exact
BOOTSTRAP_CASES = 1000


def covered_by_tango(samples: int, discordant: float, lost: float) -> float:
    """Return the share of cases in which Tango's interval covers the true drop."""
    shares = [discordant * lost, discordant * (1 - lost), 1 - discordant]
    drop = shares[0] - shares[1]

    @cache
    def covers(lost: int, gained: int) -> bool:
        found = tango(lost, gained, samples, CONFIDENCE)
        return found.low <= drop <= found.high

    cases = np.random.default_rng(0).multinomial(samples, shares, size=CASES)
    return float(np.mean([covers(int(lost), int(gained)) for lost, gained, _ in cases]))


def covered_by_bootstrap(draw: Callable[[], Floats], drop: float) -> float:
    """Return the share of cases in which the bootstrap of a mean drop covers the true one."""
    covered = 0
    for _ in range(BOOTSTRAP_CASES):
        drops = draw()
        (found,) = bootstrap(partial(_mean, drops), np.array([drops.mean()]), len(drops), 0.95)
        covered += found.low <= drop <= found.high
    return covered / BOOTSTRAP_CASES


def _mean(drops: Floats, rows: Rows) -> Floats:
    return np.array([drops[rows].mean()])


def _errors(name: str, samples: int) -> tuple[Callable[[], NDArray[np.float64]], float]:
    """Return what draws the drops of absolute or squared errors that grow by a tenth."""
    random = np.random.default_rng(0)
    power = 1 if name == "mae" else 2

    def draw() -> Floats:
        before = random.normal(size=samples)
        after = before + random.normal(scale=0.458, size=samples)  # a variance of 1.21
        return np.asarray(np.abs(after) ** power - np.abs(before) ** power)

    mean = np.sqrt(2 / np.pi) if power == 1 else 1.0
    return draw, mean * (np.hypot(1, 0.458) ** power - 1)


def rows() -> Iterator[str]:
    """Yield the tables as Markdown."""
    heads = [f"{share:.1%}, {lost:.0%} lost" for share in DISCORDANT for lost in LOST]
    yield "| samples | " + " | ".join(heads) + " |"
    yield "| --- |" + " --- |" * len(heads)
    enough = []
    for samples in SAMPLES:
        cells = []
        for share in DISCORDANT:
            for lost in LOST:
                covered = covered_by_tango(samples, share, lost)
                few = samples * share < FEW
                cells.append(f"{covered:.1%}" + (" (few)" if few else ""))
                enough += [] if few else [covered]
        yield f"| {samples:,} | " + " | ".join(cells) + " |"
    yield ""
    yield f"at least {FEW} flips expected: {min(enough):.1%} to {max(enough):.1%}"
    yield ""
    yield "| samples | mae, bootstrap | mse, bootstrap |"
    yield "| --- | --- | --- |"
    for samples in SAMPLES[:3]:
        shares = [covered_by_bootstrap(*_errors(name, samples)) for name in ("mae", "mse")]
        yield f"| {samples:,} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


if __name__ == "__main__":
    for line in rows():
        print(line, flush=True)
