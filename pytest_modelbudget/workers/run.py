"""Runs one task; ``python -m pytest_modelbudget.workers.run TASK`` repeats one by hand."""

import faulthandler
import gzip
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.protocol.jobs import (
    BuildJob,
    Built,
    CompareJob,
    EvaluateJob,
    Failure,
    Happening,
    InspectJob,
    LatencyJob,
    MemoryJob,
    PreflightJob,
    Progress,
    TargetJob,
    Task,
)
from pytest_modelbudget.protocol.layer_choice import Selection
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.workers import machine_lock
from pytest_modelbudget.workers.userdata.usercode import enter

TASK, RESULT, LOG = "task.json", "result.json", "log.txt"
MODELS = ("model.tflite", "model.keras", "quantized.h5")
Report = Callable[[Happening, str], None]


def run(folder: Path, report: Report) -> Failure | None:
    """Run the task in ``folder``; where its result goes is written there.

    Args:
        folder: Where ``task.json`` lies.
        report: Told what happens, as the two first words of an ``Event``.

    Returns:
        Why it failed, or None.
    """
    task = Task.model_validate_json((folder / TASK).read_bytes())
    try:
        _dispatch(task, folder, report)
    except JobError as error:
        return Failure(cause=error.cause, hint=error.hint, expected=True, stage=error.stage)
    except (Exception, SystemExit) as error:  # a worker's last frame: whatever it was is told
        traceback.print_exc()
        cause = traceback.format_exception_only(error)[-1].strip()
        return Failure(cause=cause, hint="", expected=False)
    return None


def _dispatch(task: Task, folder: Path, report: Report) -> None:
    def waiting() -> None:
        report("waiting", "waiting for other work on this machine")

    def progress(activity: str) -> None:
        report("progress", activity)

    def start() -> None:
        report("started", "")
        faulthandler.dump_traceback_later(task.timeout_s, exit=True)

    job = task.job
    if isinstance(job, LatencyJob):
        measure_latency = import_module(
            "pytest_modelbudget.workers.measure.latency.timing"
        ).measure_latency
        with machine_lock.alone(waiting):
            start()
            _write(folder / RESULT, measure_latency(job, progress))
        return
    if isinstance(job, TargetJob):
        with machine_lock.shared(waiting) if job.is_estimate else machine_lock.alone(waiting):
            start()
            measure = import_module("pytest_modelbudget.workers.measure.targets").measure
            _write(folder / RESULT, measure(job, progress))
        return
    store = Store(task.store)
    report("waiting", "waiting for the same work in another process")
    with store.lock(task.key), machine_lock.shared(waiting):
        if store.find(task.key, task.made_after_s):
            return
        start()
        with store.adding(task.key) as output:
            if isinstance(job, InspectJob):
                _inspect(job, output)
            elif isinstance(job, MemoryJob):
                _plan_arena(job, output)
            else:
                enter(job.project)
                _make(job, output, progress)


def _build(job: BuildJob, output: Path, progress: Progress) -> None:
    started = time.perf_counter()
    import_module("pytest_modelbudget.workers.compress.job").build(job, output, progress)
    seconds = time.perf_counter() - started
    file = next(name for name in MODELS if (output / name).exists())
    model = (output / file).read_bytes()
    deflated = gzip.compress(model, compresslevel=9, mtime=0)
    built = Built(
        file=file,
        size_bytes=len(model),
        gzip_bytes=len(deflated),
        seconds=seconds,
        selections=_selections(job, output),
    )
    _write(output / RESULT, built)


def _selections(job: BuildJob, output: Path) -> tuple[tuple[str, Selection], ...]:
    """Add what this stage chose to what those before did: they may leave the store earlier."""
    parent = Built.model_validate_json((job.parent / RESULT).read_bytes()) if job.parent else None
    before = parent.selections if parent else ()
    own = Selection.read(output)
    return (*before, (job.stage.kind, own)) if own else before


def _inspect(job: InspectJob, output: Path) -> None:
    describe = import_module("pytest_modelbudget.workers.measure.structure").describe
    _write(output / RESULT, describe(job.inspected))


def _plan_arena(job: MemoryJob, output: Path) -> None:
    plan_arena = import_module("pytest_modelbudget.workers.measure.memory").plan_arena
    _write(output / RESULT, plan_arena(job))


def _make(
    job: BuildJob | PreflightJob | EvaluateJob | CompareJob, output: Path, progress: Progress
) -> None:
    if isinstance(job, BuildJob):
        _build(job, output, progress)
    elif isinstance(job, PreflightJob):
        preflight = import_module("pytest_modelbudget.workers.compress.preflight").preflight
        _write(output / RESULT, preflight(job, progress))
    elif isinstance(job, CompareJob):
        _compare(job, output)
    else:
        _evaluate(job, output, progress)


def _evaluate(job: EvaluateJob, output: Path, progress: Progress) -> None:
    evaluate = import_module("pytest_modelbudget.workers.measure.accuracy.evaluate").evaluate
    _write(output / RESULT, evaluate(job, output, progress))


def _compare(job: CompareJob, output: Path) -> None:
    compare = import_module("pytest_modelbudget.workers.measure.accuracy.comparison").compare
    _write(output / RESULT, compare(job))


def _write(path: Path, value: Frozen) -> None:
    path.write_text(value.model_dump_json())


def _by_hand(folder: Path) -> int:
    def say(happened: Happening, activity: str) -> None:
        if activity:
            sys.stderr.write(f"{happened}: {activity}\n")

    failure = run(folder, say)
    if failure:
        sys.stderr.write(f"failed: {failure.cause}\n{failure.hint}\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(_by_hand(Path(sys.argv[1])))
