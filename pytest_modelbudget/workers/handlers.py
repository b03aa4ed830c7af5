"""The table of handlers: how a worker process does each type of job.

A handler imports what it needs when it runs: a worker process that measures a latency must not
import TensorFlow.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.judge.results.inference_costs import Arena, Instructions
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.judge.results.model_description import ModelDescription
from pytest_modelbudget.judge.results.model_structure import Structure
from pytest_modelbudget.judge.results.scores import Comparison, ModelScore, SamplesRead
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.build_jobs import BuildJob, Built, Preflight, PreflightJob
from pytest_modelbudget.protocol.jobs import Job
from pytest_modelbudget.protocol.measurement_jobs import (
    ContentsJob,
    InspectJob,
    InstructionsJob,
    LatencyJob,
    MemoryJob,
    TargetJob,
)
from pytest_modelbudget.protocol.score_jobs import CompareJob, DescribeJob, EvaluateJob, ReadJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.userdata.usercode import enter


def _build(job: BuildJob, output: Path, progress: Progress) -> Built:
    from pytest_modelbudget.workers.compress.job import build_artifact

    enter(job.project)
    return build_artifact(job, output, progress)


def _preflight(job: PreflightJob, _output: Path, progress: Progress) -> Preflight:
    from pytest_modelbudget.workers.compress.preflight import preflight

    enter(job.project)
    return preflight(job, progress)


def _read(job: ReadJob, _output: Path, _progress: Progress) -> SamplesRead:
    from pytest_modelbudget.workers.measure.accuracy.sample_digest import draw_anew, read_samples

    draw_anew()
    enter(job.project)
    return read_samples(job)


def _describe(job: DescribeJob, _output: Path, _progress: Progress) -> ModelDescription:
    from pytest_modelbudget.workers.describing import describe

    enter(job.project)
    return describe(job)


def _evaluate(job: EvaluateJob, output: Path, progress: Progress) -> ModelScore:
    from pytest_modelbudget.workers.measure.accuracy.evaluate import evaluate
    from pytest_modelbudget.workers.measure.accuracy.sample_digest import draw_anew

    draw_anew()
    enter(job.project)
    return evaluate(job, output, progress)


def _compare(job: CompareJob, _output: Path, _progress: Progress) -> Comparison:
    from pytest_modelbudget.workers.measure.accuracy.comparison import compare
    from pytest_modelbudget.workers.measure.accuracy.sample_digest import draw_anew

    draw_anew()
    enter(job.project)
    return compare(job)


def _inspect(job: InspectJob, _output: Path, _progress: Progress) -> Structure:
    from pytest_modelbudget.workers.measure.structure import read_structure

    return read_structure(job)


def _divide(job: ContentsJob, _output: Path, _progress: Progress) -> Contents:
    from pytest_modelbudget.workers.compress.export.artifact_contents import artifact_contents

    return artifact_contents(job.divided)


def _plan_arena(job: MemoryJob, _output: Path, _progress: Progress) -> Arena:
    from pytest_modelbudget.workers.measure.memory import plan_arena

    return plan_arena(job)


def _count_instructions(job: InstructionsJob, output: Path, progress: Progress) -> Instructions:
    from pytest_modelbudget.workers.measure.instructions.counting import count_instructions

    return count_instructions(job, output, progress)


def _measure_latency(job: LatencyJob, _output: Path, progress: Progress) -> LatencySample:
    from pytest_modelbudget.workers.measure.latency.timing import measure_latency

    if job.project:
        enter(job.project)
    return measure_latency(job, progress)


def _measure_on_target(job: TargetJob, output: Path, progress: Progress) -> Figures:
    from pytest_modelbudget.workers.measure.targets import measure

    # A target may write to its file, which must not be that of the store.
    copy = Path(shutil.copyfile(job.model, output / job.model.name))
    return measure(job.model_copy(update={"model": copy}), progress)


@dataclass(frozen=True)
class Handler:
    """How one type of job is done.

    Attributes:
        run: Called with the job, a folder for the files of the result, and a function to report
            progress to; returns the result.
        is_stored: Whether the result goes into the store. A measurement that depends on the
            machine or the board never does.
        needs_machine: Whether other work on this machine would disturb a job of this type.
    """

    run: Callable[[Any, Path, Progress], Frozen]
    is_stored: bool = True
    needs_machine: Callable[[Any], bool] = lambda _job: False


HANDLERS: Mapping[type[Job], Handler] = MappingProxyType(
    {
        BuildJob: Handler(_build),
        PreflightJob: Handler(_preflight),
        ReadJob: Handler(_read, is_stored=False),
        DescribeJob: Handler(_describe, is_stored=False),
        EvaluateJob: Handler(_evaluate),
        CompareJob: Handler(_compare),
        InspectJob: Handler(_inspect),
        ContentsJob: Handler(_divide),
        MemoryJob: Handler(_plan_arena),
        InstructionsJob: Handler(_count_instructions),
        LatencyJob: Handler(_measure_latency, is_stored=False, needs_machine=lambda _job: True),
        TargetJob: Handler(
            _measure_on_target, is_stored=False, needs_machine=lambda job: not job.is_estimate
        ),
    }
)
"""The handler of each type of job."""
