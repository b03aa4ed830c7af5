from pathlib import Path
from typing import get_args

import pytest

from pytest_modelbudget.protocol.jobs import Job, StoredJob
from pytest_modelbudget.protocol.measurement_jobs import Adb, LatencyJob, TargetJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.workers.handlers import HANDLERS


def test_every_type_of_job_has_a_handler() -> None:
    assert set(HANDLERS) == set(get_args(Job))


def test_the_results_that_the_engine_looks_for_in_the_store_are_stored() -> None:
    assert {job for job, handler in HANDLERS.items() if handler.is_stored} == set(
        get_args(StoredJob)
    )


@pytest.mark.parametrize(("target", "expected"), [("ethos-u55-128", False), ("adb", True)])
def test_only_a_measurement_on_hardware_needs_the_machine_alone(
    target: str, expected: bool
) -> None:
    job = TargetJob(
        model=Path("model.tflite"),
        target=target,
        threads=1,
        batch_size=1,
        timeout_s=1.0,
        adb=Adb(),
        project=Project(rootdir=Path(), sys_path=()),
    )

    assert HANDLERS[TargetJob].needs_machine(job) is expected


def test_a_latency_needs_the_machine_alone() -> None:
    job = LatencyJob(model=Path("model.tflite"), threads=1, batch_size=1, bounds=())

    assert HANDLERS[LatencyJob].needs_machine(job)
