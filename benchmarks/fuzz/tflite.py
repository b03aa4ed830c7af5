"""Mutated ``.tflite`` files: each is built and read in a process that may die, as in a worker."""

import json
import os
import resource
import shutil
import signal
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path

from benchmarks.fuzz.cases import HANG_S, Tally, random_of
from benchmarks.fuzz.mutations import ROOT, mutate_bytes
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.jobs import Job
from pytest_modelbudget.protocol.measurement_jobs import InspectJob, MemoryJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import EvaluateJob
from pytest_modelbudget.workers.fork_server import PRELOADS
from pytest_modelbudget.workers.handlers import HANDLERS

CORPUS = ROOT / "tests" / "corpus"
MOST_BYTES = 8 * 2**30  # of address space, to spare the machine
BUDGET = """\
version: 1
model: case.tflite
data: {test: blobs:test}
budget: {max_bytes: 1 MB, min_accuracy: 0.5}
"""


def models() -> list[bytes]:
    """Return the ``.tflite`` files of the tests, without the mutants that once failed."""
    files = sorted((ROOT / "tests").glob("**/*.tflite"))
    return [file.read_bytes() for file in files if file.parent != CORPUS]


class Tflite:
    """A ``.tflite`` that changes from case to case, and the jobs that read it.

    Args:
        folder: An empty folder.
        seed: Of all cases.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self._seed = seed
        self._models = models()
        self._folder = folder
        self._model = folder / "case.tflite"
        self._jobs = self._read_jobs()
        for name in (*PRELOADS["litert"], *PRELOADS["quantizer"]):
            import_module(name)

    def mutant(self, case: int) -> bytes:
        """Return the model of a case."""
        random = random_of(self._seed, case)
        return mutate_bytes(random.choice(self._models), random, moves=random.random() < 0.1)

    def run(self, case: int) -> None:
        """Build a mutant, and give it to the other readers if that succeeds."""
        self.run_content(case, self.mutant(case))

    def run_content(self, case: int, content: bytes) -> None:
        """Build any file, and so on."""
        self._model.write_bytes(content)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _run_jobs(self._jobs, self._folder, writer)
        os.close(writer)
        received = b""
        while chunk := _read(reader):
            received += chunk
        os.close(reader)
        if chunk is None:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for line in received.splitlines():
            outcome, text = json.loads(line)
            self.tally.add(outcome, case, text)
        if chunk is None:
            self.tally.add(f"killed after {HANG_S:g} s")  # as a task is after its timeout
        elif status < 0:
            self.tally.add(f"ended by {signal.Signals(-status).name}")

    def _read_jobs(self) -> tuple[Job, ...]:
        shutil.copy(ROOT / "tests" / "models" / "blobs.py", self._folder)
        shutil.copy(ROOT / "tests" / "models" / "blobs.tflite", self._model)
        file = self._folder / "case.budget.yaml"
        file.write_text(BUDGET)
        project = Project(rootdir=self._folder, sys_path=(str(self._folder),))
        [budget] = load(file)
        plan = Planner(project).plan(budget)
        assert budget.data.test is not None
        return (
            plan.step.job,
            InspectJob(inspected=self._model),
            MemoryJob(model=self._model, batch_size=1),
            EvaluateJob(
                model=self._model, data=budget.data.test, metric=budget.metric, project=project
            ),
        )


def _read(pipe: int) -> bytes | None:
    return os.read(pipe, 2**20) if wait([pipe], HANG_S) else None


def _run_jobs(jobs: tuple[Job, ...], folder: Path, answers: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number, job in enumerate(jobs):
        output = folder / f"output-{number}"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        answer = _outcome(partial(HANDLERS[type(job)].run, job, output, lambda _activity: None))
        os.write(answers, json.dumps(answer).encode() + b"\n")
        if answer[0] != "measured" and isinstance(job, BuildJob):
            break  # the others read what was built
    os._exit(0)


def _outcome(work: Callable[[], object]) -> tuple[str, str]:
    try:
        work()
    except JobError:
        return "refused", ""
    except MemoryError:
        return "out of memory", ""  # as a worker process is above its memory limit
    except Exception:
        return "traceback", traceback.format_exc()
    return "measured", ""
