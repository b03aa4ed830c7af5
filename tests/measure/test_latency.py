import gc
from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.jobs import LatencyJob
from pytest_modelbudget.measure.latency import measure_latency


def test_quantiles_of_single_invocations(models: Path) -> None:
    activities: list[str] = []
    job = LatencyJob(model=models / "quantized.tflite", threads=1, batch_size=1)
    sample = measure_latency(job, lambda activity: activities.append(activity))
    assert 0 < sample.p50_s <= sample.p90_s <= sample.p99_s < 1e-3
    assert sample.invocations >= 100
    assert sample.invocations * sample.p50_s < 1
    assert sample.warmup >= 20
    assert sample.delegate == "XNNPACK"
    assert activities == ["warming up", "timing invocations"]
    assert gc.isenabled()


@pytest.mark.parametrize("name", ["two", "table", "any_length", "log"])
def test_every_kind_of_input_is_filled(models: Path, name: str) -> None:
    job = LatencyJob(model=models / f"{name}.tflite", threads=1, batch_size=2)
    assert measure_latency(job, lambda _activity: None).p50_s > 0


def test_a_batch_size_that_the_model_does_not_take(models: Path) -> None:
    with pytest.raises(JobError) as error:
        measure_latency(
            LatencyJob(model=models / "fixed.tflite", threads=1, batch_size=2),
            lambda _activity: None,
        )
    assert str(error.value) == (
        "the model takes batches of 4, not 2; convert it with an open batch size"
    )
