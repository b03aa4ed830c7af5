"""Random pairs of updates of a ledger, merged with git: ``python -m benchmarks.ledger_merges``.

Two branches accept other figures of different variants, add variants and remove some. Each merge
must be without a conflict, and give the ledger that both updates together give.
"""

import argparse
import random
import subprocess
import tempfile
from bisect import bisect
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.errors import BudgetFileError
from pytest_modelbudget.ledger.ledger_file import Ledger, LedgerFigure, LedgerVariant, render
from pytest_modelbudget.ledger.ledger_reader import read_ledger

FILE = "digits.ledger.json"
EXACT = ("bytes", "gzip_bytes", "macs", "memory")
MACHINES = [f"{number:012x}" for number in (0x1F3A, 0x77C2, 0xE019)]
DATA = "1d0de7d37305"


@dataclass(frozen=True)
class Update:
    """What one branch makes of each variant that it changes; None removes it."""

    variants: dict[str, LedgerVariant | None]
    machine: str | None = None

    def applied_to(self, ledger: Ledger) -> Ledger:
        """Return the ledger after the update."""
        variants = {**ledger.variants, **self.variants}
        environments = dict(ledger.environments)
        if self.machine:
            environments[self.machine] = {"cpu": self.machine}
        kept = {name: each for name, each in variants.items() if each is not None}
        return ledger.model_copy(update={"variants": kept, "environments": environments})


class Updates:
    """Makes random ledgers and pairs of updates of them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def ledger(self) -> Ledger:
        """Return a ledger of 2 to 12 variants, measured on the first machine."""
        names = self._random.sample(range(100), self._random.randint(2, 12))
        return Ledger(
            version=1,
            environments={MACHINES[0]: {"cpu": MACHINES[0]}},
            data={DATA: DATA},
            variants={f"v{name:02}": self._variant(MACHINES[0]) for name in names},
        )

    def pair(self, ledger: Ledger) -> tuple[Update, Update]:
        """Return two updates of different variants."""
        names = list(ledger.variants)
        self._random.shuffle(names)
        middle = self._random.randint(1, len(names) - 1)
        return self._update(names[:middle], ledger, "x"), self._update(names[middle:], ledger, "y")

    def _update(self, mine: list[str], ledger: Ledger, suffix: str) -> Update:
        machine = self._random.choice(MACHINES) if self._random.random() < 0.1 else None
        some = mine[: self._random.randint(1, len(mine))]
        changed = {name: self._changed(ledger.variants[name], machine) for name in some}
        if self._random.random() < 0.3:
            changed[f"v{self._random.randrange(100):02}{suffix}"] = self._variant(MACHINES[0])
        return Update(changed, machine)

    def _changed(self, variant: LedgerVariant, machine: str | None) -> LedgerVariant | None:
        if self._random.random() < 0.1:
            return None
        figures = dict(variant.figures)
        for name in self._random.sample(sorted(figures), self._random.randint(1, len(figures))):
            figures[name] = self._figure(name)
        if machine:
            figures[f"latency@{machine}"] = self._figure("latency")
        return LedgerVariant(artifact=self._digest(), figures=figures)

    def _variant(self, machine: str) -> LedgerVariant:
        names = self._random.sample(EXACT, self._random.randint(1, len(EXACT)))
        names += ["accuracy", f"latency@{machine}"][: self._random.randint(0, 2)]
        return LedgerVariant(
            artifact=self._digest(), figures={name: self._figure(name) for name in names}
        )

    def _figure(self, name: str) -> LedgerFigure:
        value = self._random.randrange(1, 10**6)
        if name.startswith("latency"):
            return LedgerFigure(accepted=value / 1e9, low=0, high=1, anchor=value / 1e9)
        is_score = name == "accuracy"
        return LedgerFigure(
            accepted=value / 1e6 if is_score else value,
            anchor=self._random.randrange(1, 10**6),
            metric="accuracy" if is_score else None,
            data=DATA if is_score else None,
            environment=MACHINES[0],
        )

    def _digest(self) -> str:
        return f"{self._random.getrandbits(256):064x}"


class Repository:
    """A git repository with one ledger in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._git("init", "-q", "-b", "main")

    def merge(self, base: Ledger, one: Ledger, other: Ledger) -> Ledger | None:
        """Merge two branches as git does by default; return None if there is a conflict.

        Raises:
            BudgetFileError: If the merged ledger is not valid.
        """
        self._commit("main", base)
        self._commit("one", one)
        self._git("checkout", "-q", "main")
        self._commit("other", other)
        is_merged = self._git("merge", "-q", "-m", "merge", "one", check=False) == 0
        merged = read_ledger(self._path) if is_merged else None
        if not is_merged:
            self._git("merge", "--abort")
        return merged

    def _commit(self, branch: str, ledger: Ledger) -> None:
        self._git("checkout", "-q", "-B", branch)
        self._path.write_text(render(ledger))
        self._git("add", FILE)
        self._git("commit", "-q", "--allow-empty", "-m", branch)

    def _git(self, *words: str, check: bool = True) -> int:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "gc.auto=0")
        done = subprocess.run(
            ["git", *identity, *words], cwd=self._folder, capture_output=True, check=check
        )
        return done.returncode


def main() -> None:
    """Merge random pairs, and print how many merged as they should."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    outcomes = Counter(outcomes_of(options.pairs, options.seed))
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:<54} {outcome:<12} {count:>5}")


def outcomes_of(pairs: int, seed: int) -> list[tuple[str, str]]:
    """Return for each pair what it is, and what became of its merge."""
    updates, found = Updates(seed), []
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder))
        for _ in range(pairs):
            base = updates.ledger()
            one, other = updates.pair(base)
            expected = other.applied_to(one.applied_to(base))
            try:
                merged = repository.merge(base, one.applied_to(base), other.applied_to(base))
            except BudgetFileError:
                outcome = "invalid"
            else:
                outcome = "merged" if merged == expected else "wrong" if merged else "conflict"
            found.append((_kind(base, one, other), outcome))
    return found


def _kind(base: Ledger, one: Update, other: Update) -> str:
    """Return what is special in a pair of updates."""
    if len({one.machine, other.machine} - {None, *base.environments}) == 2:
        return "each adds another machine"
    known = sorted(base.variants)
    added = [_places_added(each, known) for each in (one, other)]
    removed = [_places_removed(each, known) for each in (one, other)]
    if added[0] & added[1]:
        return "both add a variant at the same place"
    if added[0] & removed[1] or added[1] & removed[0]:
        return "one adds a variant beside one that the other removes"
    if removed[0] & removed[1]:
        return "each removes one of two neighbours"
    return "different variants"


def _places_added(update: Update, known: list[str]) -> set[int]:
    return {bisect(known, name) for name in update.variants if name not in known}


def _places_removed(update: Update, known: list[str]) -> set[int]:
    """Return the places before and after each variant that is removed."""
    removed = [known.index(name) for name, variant in update.variants.items() if variant is None]
    return {place for index in removed for place in (index, index + 1)}


if __name__ == "__main__":
    main()
