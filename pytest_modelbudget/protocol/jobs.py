"""All jobs of worker processes.

A worker process recognizes a job by its fields. What each job answers is in ``judge/results/``.
"""

from pathlib import Path

from pytest_modelbudget.budgetfile.types import FileSource, Source
from pytest_modelbudget.protocol.build_jobs import BuildJob, PreflightJob
from pytest_modelbudget.protocol.measurement_jobs import (
    ContentsJob,
    InspectJob,
    InstructionsJob,
    LatencyJob,
    MemoryJob,
    TargetJob,
)
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import CompareJob, DescribeJob, EvaluateJob, ReadJob

StoredJob = (
    BuildJob
    | PreflightJob
    | EvaluateJob
    | CompareJob
    | InspectJob
    | ContentsJob
    | MemoryJob
    | InstructionsJob
)
"""The jobs whose result goes into the store."""

Job = StoredJob | ReadJob | DescribeJob | LatencyJob | TargetJob


def project_of(job: Job) -> Project | None:
    """Return the project whose code ``job`` runs; None if it runs none."""
    project: Project | None = getattr(job, "project", None)
    return project


def files_read(job: Job) -> list[Path]:
    """Return the files and folders that ``job`` is given as models and data."""
    sources: tuple[Source | None, ...] = getattr(job, "sources", ())
    return [source.path for source in sources if isinstance(source, FileSource)]
