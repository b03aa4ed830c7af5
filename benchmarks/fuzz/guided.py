"""Fuzz a reader, guided by the lines that an input reaches: with atheris, which is libFuzzer.

Run ``pip install atheris``, then ``python -m benchmarks.fuzz.guided budgets --count 100000``. It
ends with an error at the first input that gives a traceback or a hang, and keeps that input.
"""

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # what is imported before ``main`` would not be watched
    from benchmarks.fuzz.cases import Tally

KINDS = {"budgets": "Budgets", "answers": "Answers", "stored": "Stored", "integrity": "Integrity"}
MOST_BYTES = 20_000
# Hangs are noticed by ``cases.attempt``: libFuzzer would take its signal.
OPTIONS = (f"-max_len={MOST_BYTES}", "-timeout=0", "-rss_limit_mb=0", "-verbosity=0")


class Guided(Protocol):
    """One kind of input."""

    tally: "Tally"

    def seeds(self) -> list[bytes]:
        """Return inputs to begin with."""

    def run_content(self, case: int, content: bytes) -> None:
        """Run one input and count what became of it."""


def main() -> None:
    """Run inputs of one kind, and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    atheris: Any = import_module("atheris")
    folder = Path(tempfile.mkdtemp())
    for name in ("cases", "seeds"):
        (folder / name).mkdir()
    with atheris.instrument_imports(include=["pytest_modelbudget"]):
        module = import_module(f"benchmarks.fuzz.{options.kind}")
    fuzzed: Guided = getattr(module, KINDS[options.kind])(folder / "cases", 0)
    for number, seed in enumerate(fuzzed.seeds()):
        (folder / "seeds" / str(number)).write_bytes(seed[:MOST_BYTES])
    tried = 0

    def one(content: bytes) -> None:
        nonlocal tried
        tried += 1
        fuzzed.run_content(tried, content)
        if fuzzed.tally.failures or tried == options.count:
            fuzzed.tally.print(f"{options.kind}, {tried} inputs")
        if fuzzed.tally.failures:
            raise RuntimeError("an input failed")

    words = [
        *OPTIONS,
        f"-runs={options.count}",
        f"-artifact_prefix={folder}/",
        str(folder / "seeds"),
    ]
    atheris.Setup([sys.argv[0], *words], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
