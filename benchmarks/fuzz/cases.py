"""Counts what becomes of cases, and keeps those that end in a traceback or hang."""

import re
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from benchmarks.alarm import HangError, at_most
from benchmarks.gated import print_table

HANG_S = 20.0
OUR_FRAME = re.compile(r'pytest_modelbudget/(\S+)", line (\d+)')
BAD = ("traceback", "hang", "wrong")


@dataclass
class Tally:
    """What became of the cases.

    Attributes:
        failures: The first case of each kind of failure with its text, by its place and error.
        kinds: How many there are of each kind.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: str, case: int = -1, text: str = "") -> None:
        """Count one outcome, and keep ``text`` if it is bad."""
        self.counts[outcome] += 1
        if outcome in BAD:
            places = OUR_FRAME.findall(text)
            kind = " ".join(
                [*map(":".join, places[-1:]), text.strip().rpartition("\n")[2].partition(":")[0]]
            )
            self.kinds[kind] += 1
            self.failures.setdefault(kind, f"case {case}: {text}")

    def print(self, what: str) -> None:
        """Print one table, and the failures below it."""
        kinds = dict.fromkeys([*self.counts, "traceback", "hang"])
        print_table([what, *kinds], [["", *(str(self.counts[kind]) for kind in kinds)]])
        for kind, text in self.failures.items():
            print(f"{self.kinds[kind]} times {kind}\n{text}")


def random_of(seed: int, case: int) -> Random:
    """Return the generator of one case."""
    return Random(f"{seed} {case}")


def attempt(
    tally: Tally,
    case: int,
    work: Callable[[], str],
    expected: type[Exception] | tuple[type[Exception], ...],
) -> None:
    """Count what ``work`` returns; or ``refused`` if it raises what is ``expected``."""
    try:
        with at_most(HANG_S):
            tally.add(work(), case)
    except expected:
        tally.add("refused", case)
    except HangError:
        tally.add("hang", case, f"still running after {HANG_S:g} s\n{traceback.format_exc()}")
    except Exception:
        tally.add("traceback", case, traceback.format_exc())
