import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.types import CallSource, CommandTarget, Data
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.measurement_jobs import Adb, TargetJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.workers.compress.convert.litert_quantizer import quantize
from pytest_modelbudget.workers.measure.targets import measure
from tests.workers.flatbuffers import BLOBS

Measure = Callable[..., Figures]


@pytest.fixture(scope="session")
def integer_blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return blobs.tflite, quantized to int8 from input to output."""
    calibration = CallSource(call="tests.models.blobs:calibration")
    stage = Quantize(scheme="int8", io="int8")
    path = tmp_path_factory.mktemp("models") / "blobs_int8.tflite"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the quantizer keeps all tensors, and LiteRT minds
        model = quantize(BLOBS.read_bytes(), None, stage, Data(calibration=calibration))
    path.write_bytes(model)
    return path


@pytest.fixture
def measured(tmp_path: Path) -> Measure:
    """Return what takes a target's figures here, as a worker does."""

    def take(
        target: str | CommandTarget,
        model: Path = BLOBS,
        batch_size: int = 1,
        timeout_s: float = 60.0,
        adb: Adb | None = None,
    ) -> Figures:
        job = TargetJob(
            model=model,
            target=target,
            threads=1,
            batch_size=batch_size,
            timeout_s=timeout_s,
            adb=adb or Adb(),
            project=Project(rootdir=tmp_path, sys_path=()),
        )
        return measure(job, lambda _activity: None)

    return take
