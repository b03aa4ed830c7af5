import math
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.gauges import (
    GAUGES,
    Artifact,
    Findings,
    Measurement,
    UnmeasuredError,
    gauge_of,
)
from pytest_modelbudget.jobs import (
    Figure,
    LatencyEstimate,
    LatencySample,
    Measured,
    Score,
    Structure,
    WeightTensor,
)
from pytest_modelbudget.report.advice import advice

WEIGHTS = (
    WeightTensor(name="dense", shape=(64, 16), dtype="int8", sparsity=0.9, unique=12),
    WeightTensor(name="head", shape=(4, 64), dtype="int8", sparsity=0.5, unique=16),
)
ESTIMATES: list[tuple[Figure, float, float, float]] = [
    ("p50", 1e-3, 0.9e-3, 1.1e-3),
    ("p90", 2e-3, 1.9e-3, 2.1e-3),
    ("p99", 3e-3, 2.9e-3, math.inf),
    ("ratio", 0.5, 0.49, 0.51),
]
FINDINGS = Findings(
    artifact=Artifact(Path("model.tflite"), "ab", 3776, 900, seconds=0.5, cached=False),
    metric="accuracy",
    higher_is_better=True,
    score=Score(value=0.975, samples=1797, seconds=1.0, invoke_s=0.9),
    baseline=0.98,
    latency=LatencySample(
        measured=tuple(
            Measured(figure=figure, estimate=LatencyEstimate(value=value, low=low, high=high))
            for figure, value, low, high in ESTIMATES
        ),
        counted=2000,
        taken=2600,
        interrupted=520,
        windows=20,
        slow_windows=3,
        warmup=50,
        seconds=1.0,
        confidence=0.99,
        threads=1,
        delegate="XNNPACK",
        cpu="AMD EPYC",
        governor="performance",
    ),
    structure=Structure(
        sparsity=0.82,
        unique_weights=16,
        macs=1280,
        operators=("FULLY_CONNECTED", "SOFTMAX"),
        float_operators=("SOFTMAX",),
        weights=WEIGHTS,
    ),
)
ACCURACY = "accuracy 0.9750 over 1,797 samples"
TIMED = (
    "of 2,000 invocations (600 discarded) in 20 windows, 99% interval; 1 thread, XNNPACK, "
    "AMD EPYC, governor performance"
)
DISTURBED = "after 1.00 s, 20% of the invocations lost the CPU, 3 of 20 windows were slow"
MEASURED = {
    "max_bytes": Measurement(3776, "the .tflite as it is"),
    "max_gzip_bytes": Measurement(900, "the .tflite deflated at level 9"),
    "min_accuracy": Measurement(0.975, "accuracy over 1,797 samples"),
    "max_accuracy_drop": Measurement(0.98 - 0.975, ACCURACY, "accuracy 0.9800"),
    "max_relative_accuracy_drop": Measurement((0.98 - 0.975) / 0.98, ACCURACY, "accuracy 0.9800"),
    "max_latency": Measurement(1e-3, f"p50 {TIMED}", "", (0.9e-3, 1.1e-3), DISTURBED),
    "max_latency_p90": Measurement(2e-3, f"p90 {TIMED}", "", (1.9e-3, 2.1e-3), DISTURBED),
    "max_latency_p99": Measurement(3e-3, f"p99 {TIMED}", "", (2.9e-3, None), DISTURBED),
    "max_latency_ratio": Measurement(
        0.5, f"20th percentiles {TIMED}", "the float model", (0.49, 0.51), DISTURBED
    ),
    "min_sparsity": Measurement(0.82, "zeros among 1,280 weights of the .tflite"),
    "max_unique_weights": Measurement(16, "different values, most of them in head"),
    "max_macs": Measurement(1280, "read from the graph, for one sample"),
    "integer_only": Measurement(1, "kinds of float operators: SOFTMAX"),
}


@pytest.mark.parametrize("name", GAUGES)
def test_each_gauge_reads_its_value_and_says_how(name: str) -> None:
    assert GAUGES[name].read(FINDINGS) == MEASURED[name]


@pytest.mark.parametrize("name", GAUGES)
def test_a_gauge_needs_no_more_than_it_says(name: str) -> None:
    needs = GAUGES[name].needs
    only = replace(
        FINDINGS,
        score=FINDINGS.score if "score" in needs else None,
        baseline=FINDINGS.baseline if "baseline" in needs else None,
        latency=FINDINGS.latency if needs & {"latency", "ratio"} else None,
        structure=FINDINGS.structure if "structure" in needs else None,
    )
    assert GAUGES[name].read(only) == MEASURED[name]


@pytest.mark.parametrize("name", GAUGES)
def test_there_is_advice_for_each(name: str) -> None:
    assert advice(name)


def test_an_error_that_grows_is_a_drop() -> None:
    mse = replace(FINDINGS, metric="mse", higher_is_better=False, baseline=0.5)
    assert GAUGES["max_accuracy_drop"].read(mse).value == pytest.approx(0.475)
    assert GAUGES["max_relative_accuracy_drop"].read(mse).value == pytest.approx(0.95)


def test_no_change_is_not_minus_zero() -> None:
    same = replace(FINDINGS, baseline=0.975)
    assert str(GAUGES["max_accuracy_drop"].read(same).value) == "0.0"


def test_a_share_of_a_baseline_below_zero_keeps_its_direction() -> None:
    worse = replace(
        FINDINGS, baseline=-0.5, score=Score(value=-1, samples=9, seconds=1, invoke_s=1)
    )
    assert GAUGES["max_relative_accuracy_drop"].read(worse).value == 1.0


def test_no_share_of_a_baseline_of_zero() -> None:
    with pytest.raises(UnmeasuredError) as raised:
        GAUGES["max_relative_accuracy_drop"].read(replace(FINDINGS, baseline=0.0))
    assert str(raised.value) == "the baseline's accuracy is 0: no share of it can be taken"


def test_operations_that_cannot_be_counted_are_unmeasured() -> None:
    assert FINDINGS.structure
    uncounted = FINDINGS.structure.model_copy(update={"macs": None})
    with pytest.raises(UnmeasuredError) as raised:
        GAUGES["max_macs"].read(replace(FINDINGS, structure=uncounted))
    assert str(raised.value) == "the graph has loops, branches or operators of its own to count"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{budget: {max_memory: 1 kB}}", "max_memory is not available in this version"),
        (
            "{latency: {target: adb}, budget: {max_latency: 1 ms}}",
            "a latency.target other than host is not available in this version",
        ),
        (
            "{confidence: 0.95, data: {test: m:f}, budget: {min_accuracy: 0.5}}",
            "`confidence` is not available in this version",
        ),
    ],
)
def test_what_this_version_cannot_judge_is_said(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "m.budget.yaml"
    file.write_text(f"version: 1\nmodel: m.tflite\nvariants:\n  v: {line}\n")
    budget = load(file)[0]
    with pytest.raises(UnmeasuredError) as raised:
        gauge_of(budget.limits[0], budget)
    assert str(raised.value) == why
