"""Mutated answers of a target's command."""

import shutil
from math import isfinite
from pathlib import Path

from benchmarks.fuzz.cases import Tally, attempt, random_of
from benchmarks.fuzz.mutations import ROOT, mutate_text
from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.measurement_jobs import Adb, TargetJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.workers.measure.targets.command import measure

ANSWERS = (
    "0.0021",
    '{"latency_s": 0.0021}',
    '{"latency_s": 0.002, "p90_s": 0.003, "p99_s": 1, "memory_bytes": 2048, "size_bytes": 4096}',
    '{"latency_s": 1e-3, "memory_bytes": null}\n',
    '[{"latency_s": 0.1}, "\\u00e9", true, null, -1.5e300]',
    "[" * 100_000,
    '{"latency_s":' * 10_000,
    "1" * 5000,
)


class Answers:
    """A command that prints a file, which changes from case to case.

    Args:
        folder: An empty folder.
        seed: Of all cases.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self._seed = seed
        self._answer = folder / "answer.json"
        shutil.copy(ROOT / "tests" / "models" / "blobs.tflite", folder)
        self._target = CommandTarget(command=("cat", str(self._answer)))
        self._job = TargetJob(
            model=folder / "blobs.tflite",
            target=self._target,
            threads=1,
            batch_size=1,
            timeout_s=60,
            adb=Adb(),
            project=Project(rootdir=folder, sys_path=()),
        )

    def seeds(self) -> list[bytes]:
        """Return what the mutants are made from."""
        return [answer.encode() for answer in ANSWERS]

    def run(self, case: int) -> None:
        """Let the command answer with a mutant."""
        random = random_of(self._seed, case)
        self.run_content(case, mutate_text(random.choice(ANSWERS), ANSWERS, random))

    def run_content(self, case: int, content: bytes) -> None:
        """Let the command answer with anything."""
        self._answer.write_bytes(content)
        attempt(self.tally, case, self._measure, JobError)

    def _measure(self) -> str:
        figures = measure(self._target, self._job, lambda _activity: None)
        seconds = [figures.latency_s, figures.p90_s, figures.p99_s]
        sizes = [figures.memory_bytes, figures.size_bytes]
        assert all(each is None or (each > 0 and isfinite(each)) for each in seconds)
        assert all(each is None or each >= 0 for each in sizes)
        return "accepted"
