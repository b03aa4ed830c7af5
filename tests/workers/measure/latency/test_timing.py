import gc
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound, LatencyJob
from pytest_modelbudget.workers.measure.latency import host
from pytest_modelbudget.workers.measure.latency.timing import measure_latency
from tests.workers.flatbuffers import edited

P50 = LatencyBound(statistic="p50", bound=1.0)  # decided long before p90
P90 = LatencyBound(statistic="p90", bound=1.0)


def job(
    model: Path, threads: int = 1, batch_size: int = 1, bounds: tuple[LatencyBound, ...] = (P50,)
) -> LatencyJob:
    return LatencyJob(model=model, threads=threads, batch_size=batch_size, bounds=bounds)


def refused(asked: LatencyJob) -> str:
    with pytest.raises(JobError) as error:
        measure_latency(asked, lambda _activity: None)
    return str(error.value)


def test_a_sample_answers_every_bound_and_says_how(models: Path) -> None:
    activities: list[str] = []
    sample = measure_latency(
        job(models / "quantized.tflite", bounds=(P50, P90)),
        lambda activity: activities.append(activity),
    )
    p50, p90 = sample.estimates["p50"], sample.estimates["p90"]
    assert p50.low <= p50.value <= p50.high
    assert 0 < p50.value <= p90.value
    assert 0 < sample.counted <= sample.invocations
    assert sample.preempted + sample.counted <= sample.invocations
    assert sample.slow_windows < sample.windows
    assert sample.warmup >= 20
    assert (sample.threads, sample.delegate) == (1, "XNNPACK")
    assert sample.cpu
    assert sample.governor
    assert activities == ["warming up", "timing invocations"]
    assert gc.isenabled()
    assert LatencySample.model_validate_json(sample.model_dump_json()) == sample


def test_a_ratio_is_of_two_models_and_every_kind_of_input_is_filled(models: Path) -> None:
    asked = job(models / "two.tflite", batch_size=2).model_copy(
        update={
            "baseline": models / "log.tflite",
            "bounds": (LatencyBound(statistic="ratio", bound=100.0),),
        }
    )
    ratio = measure_latency(asked, lambda _activity: None).estimates["ratio"]
    assert ratio.low <= ratio.value <= ratio.high
    assert 0 < ratio.value < 100


def test_whole_numbers_are_filled_and_several_threads_are_timed(models: Path) -> None:
    asked = job(models / "table.tflite", threads=min(2, host.cores()))
    assert measure_latency(asked, lambda _activity: None).threads == min(2, host.cores())


def test_a_batch_size_that_the_model_does_not_take(models: Path) -> None:
    assert refused(job(models / "fixed.tflite", batch_size=2)) == (
        "the model takes batches of 4, not 2; convert it with an open batch size"
    )


def test_more_threads_than_cores(models: Path) -> None:
    cores = host.cores()
    assert refused(job(models / "double.tflite", threads=cores + 1)) == (
        f"latency.threads is {cores + 1}, but only {cores} cores are available; "
        f"write {cores} or less"
    )


def test_an_open_dimension_beyond_the_batch(models: Path) -> None:
    assert refused(job(models / "any_length.tflite")) == (
        "input x has the open shape (-1, -1), and what is measured depends on its size; "
        "convert the model with every dimension fixed but the batch"
    )


def test_an_input_of_strings(tmp_path: Path) -> None:
    def take_strings(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].type = schema.TensorType.STRING

    model = edited(tmp_path / "strings.tflite", take_strings)
    assert "takes text, and its latency depends on the text; write data:" in refused(job(model))
