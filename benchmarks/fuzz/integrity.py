"""Any bytes as a ``.tflite``, read in this process by what comes before all other readers."""

from pathlib import Path

from benchmarks.fuzz.cases import Tally, attempt
from benchmarks.fuzz.tflite import models
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.integrity import check_integrity


class Integrity:
    """The check of files from elsewhere; see ``Budgets`` for the arguments."""

    def __init__(self, _folder: Path, _seed: int) -> None:
        self.tally = Tally()

    def seeds(self) -> list[bytes]:
        """Return the models of the tests."""
        return models()

    def run_content(self, case: int, content: bytes) -> None:
        """Check one file."""

        def check() -> str:
            check_integrity(content, "the file")
            return "whole"

        attempt(self.tally, case, check, JobError)
