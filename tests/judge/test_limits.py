import math
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.targets import target_kind
from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.findings import (
    Artifact,
    Findings,
    Measurement,
    UnmeasuredError,
    present,
)
from pytest_modelbudget.judge.limits import LIMITS, measure
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.results.inference_costs import Arena, FunctionCost, Instructions
from pytest_modelbudget.judge.results.latencies import (
    LatencyEstimate,
    LatencySample,
    LatencyStatistic,
)
from pytest_modelbudget.judge.results.model_structure import Structure, WeightTensor
from pytest_modelbudget.judge.results.scores import (
    ClassAccuracy,
    Comparison,
    Flips,
    Interval,
    ModelScore,
)
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.judge.verdict import judge

WEIGHTS = (
    WeightTensor(name="dense", shape=(64, 16), dtype="int8", sparsity=0.9, unique=12),
    WeightTensor(name="head", shape=(4, 64), dtype="int8", sparsity=0.5, unique=16),
)
SCORE = ModelScore(value=0.975, samples=1797, seconds=1.0, invoke_s=1.8, threads=2, data="cd")
COMPARISON = Comparison(
    confidence=0.95,
    score=Interval(low=0.96, high=0.99),
    drop=Interval(low=-0.001, high=0.011),
    method="paired, Tango",
    flips=Flips(lost=12, gained=3, lost_samples=(7,), gained_samples=(), p_value=0.035),
    classes=(
        ClassAccuracy(label=3, samples=99, accuracy=0.9, baseline=0.97),
        ClassAccuracy(label=4, samples=98, accuracy=1.0, baseline=0.97),
    ),
)
ESTIMATES: list[tuple[LatencyStatistic, float, float, float]] = [
    ("p50", 1e-3, 0.9e-3, 1.1e-3),
    ("p90", 2e-3, 1.9e-3, 2.1e-3),
    ("p99", 3e-3, 2.9e-3, math.inf),
    ("ratio", 0.5, 0.49, 0.51),
]
FINDINGS = Findings(
    artifact=Artifact(Path("model.tflite"), "ab", 3776, 900, seconds=0.5, cached=False),
    metric="accuracy",
    higher_is_better=True,
    score=SCORE,
    baseline=0.98,
    comparison=COMPARISON,
    latency=LatencySample(
        estimates={
            statistic: LatencyEstimate(value=value, low=low, high=high)
            for statistic, value, low, high in ESTIMATES
        },
        invocations=2600,
        counted=2000,
        percentiles_s=(),
        preempted=520,
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
    arena=Arena(planned_bytes=1344, beside_bytes=20, live_bytes=336),
    instructions=Instructions(
        count=2000,
        uncounted=500,
        functions=(
            FunctionCost(name="xnn_f32_gemm_ukernel__avx2", instructions=1500),
            FunctionCost(name="optimized_ops::Softmax", instructions=300),
        ),
        outside_xnnpack=(FunctionCost(name="activations::SoftmaxEval", instructions=500),),
        valgrind="valgrind-3.19.0",
        cpu="AVX2, no AVX-512",
    ),
)
FIGURES = Figures(latency_s=2e-3, p90_s=3e-3, memory_bytes=80, size_bytes=3500, how="by Vela")
PLACE = Span(Path("m.budget.yaml"), 3, 5)


def read(name: str, findings: Findings = FINDINGS, unit: str = "") -> Measurement:
    return measure(Limit(name, 1, unit, PLACE), findings)


DROP = (
    "drop 0.005000, 95 % interval -0.001000 to 0.01100 (paired, Tango); "
    "accuracy 0.9750 over 1,797 samples; samples lost 12, gained 3 (p 0.035); "
    "class 3 lost most: 0.970 to 0.900"
)
TIMED = (
    "of 2,000 invocations (600 discarded) in 20 windows, 99 % interval; 1 thread, XNNPACK, "
    "AMD EPYC, governor performance"
)
DISTURBED = "after 1.00 s, 20 % of the invocations were preempted, 3 of 20 windows were slow"


def timed(how: str, value: float, low: float, high: float | None) -> Measurement:
    return Measurement(value, how, interval=(low, high), confidence=0.99, disturbed=DISTURBED)


MEASURED = {
    "max_bytes": Measurement(3776, "the .tflite as it is"),
    "max_gzip_bytes": Measurement(900, "the .tflite deflated at level 9"),
    "min_accuracy": Measurement(
        0.975,
        "accuracy over 1,797 samples; 95 % interval 0.9600\u20130.9900 (paired, Tango)",
        spread=(0.96, 0.99),
    ),
    "max_accuracy_drop": Measurement(
        0.005, DROP, "accuracy 0.9800", 0.006, 1797, spread=(-0.001, 0.011)
    ),
    "max_relative_accuracy_drop": Measurement(
        0.005 / 0.98,
        DROP,
        "accuracy 0.9800",
        0.006 / 0.98,
        1797,
        spread=(-0.001 / 0.98, 0.011 / 0.98),
    ),
    "max_latency": timed(f"p50 {TIMED}", 1e-3, 0.9e-3, 1.1e-3),
    "max_latency_p90": timed(f"p90 {TIMED}", 2e-3, 1.9e-3, 2.1e-3),
    "max_latency_p99": timed(f"p99 {TIMED}", 3e-3, 2.9e-3, None),
    "max_latency_ratio": replace(
        timed(f"20th percentiles {TIMED}", 0.5, 0.49, 0.51), baseline="the float model"
    ),
    "min_sparsity": Measurement(0.82, "zeros among 1,280 weights of the .tflite"),
    "max_unique_weights": Measurement(
        16, "different values, most of them in head; also too many in dense (12)"
    ),
    "max_memory": Measurement(
        1364,
        "arena of 1,344 B planned by LiteRT, 20 B beside it; 336 B of activations live at once",
    ),
    "max_macs": Measurement(1280, "read from the graph, for one sample"),
    "max_instructions": Measurement(
        2000,
        "one invocation, 1 thread; valgrind-3.19.0 shows AVX2, no AVX-512",
    ),
    "integer_only": Measurement(1, "1 float operator: SOFTMAX"),
}


@pytest.mark.parametrize("name", MEASURED)
def test_each_limit_reads_its_value_and_says_how(name: str) -> None:
    assert read(name) == MEASURED[name]


@pytest.mark.parametrize(("bound", "is_judged"), [(255, True), (256, False), (math.inf, True)])
def test_unique_weights_are_not_judged_where_nothing_could_exceed_the_limit(
    bound: float, is_judged: bool
) -> None:
    limit = Limit("max_unique_weights", bound, "", PLACE)
    if is_judged:
        assert measure(limit, FINDINGS).value == 16
        return
    with pytest.raises(UnmeasuredError) as raised:
        measure(limit, FINDINGS)
    assert str(raised.value) == (
        "no int8 tensor of the model can have more than 256 values; write fewer, such as the "
        "number of `clusters`"
    )


def test_every_limit_is_read_above() -> None:
    growth = {name for name, kind in LIMITS.items() if isinstance(kind, GrowthLimit)}
    assert set(LIMITS) - set(MEASURED) - growth == {"allowed_ops"}


@pytest.mark.parametrize("name", MEASURED)
def test_a_limit_needs_no_more_than_it_says(name: str) -> None:
    needs = LIMITS[name].needs
    only = replace(
        FINDINGS,
        score=FINDINGS.score if "score" in needs else None,
        baseline=FINDINGS.baseline if "baseline" in needs else None,
        comparison=FINDINGS.comparison if "score" in needs else None,
        latency=FINDINGS.latency if needs & {"latency", "ratio"} else None,
        structure=FINDINGS.structure if "structure" in needs else None,
        arena=FINDINGS.arena if "arena" in needs else None,
    )
    assert read(name, only) == MEASURED[name]


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_says_what_it_is_and_what_helps(name: str) -> None:
    kind = LIMITS[name]
    assert kind.name == name
    assert kind.description
    assert kind.advice
    assert kind.lower_is_better == (not name.startswith("min_"))


def test_a_latency_says_how_many_threads_it_took_and_what_was_preempted() -> None:
    assert FINDINGS.latency
    found = FINDINGS.latency.model_copy(update={"threads": 4, "preempted": 2340})
    measured = read("max_latency", replace(FINDINGS, latency=found))
    assert measured.how == f"p50 {TIMED}".replace("1 thread", "4 threads")
    assert measured.disturbed == DISTURBED.replace("20 %", "90 %")


def test_memory_without_anything_beside_the_arena() -> None:
    arena = Arena(planned_bytes=1344, beside_bytes=0, live_bytes=336)
    assert read("max_memory", replace(FINDINGS, arena=arena)) == Measurement(
        1344, "arena of 1,344 B planned by LiteRT; 336 B of activations live at once"
    )


def test_a_drop_is_told_in_the_unit_of_its_limit() -> None:
    assert read("max_accuracy_drop", unit="pp").how.startswith(
        "drop 0.500 pp, 95 % interval -0.100 to 1.10 pp (paired, Tango); accuracy 0.9750 over"
    )


def test_an_error_that_grows_is_a_drop() -> None:
    mse = replace(FINDINGS, metric="mse", higher_is_better=False, baseline=0.5)
    assert read("max_accuracy_drop", mse).value == pytest.approx(0.475)
    assert read("max_relative_accuracy_drop", mse).value == pytest.approx(0.95)


SURE = replace(FINDINGS, confident=True)


def test_with_confidence_the_bad_end_of_the_interval_is_measured() -> None:
    drop = read("max_accuracy_drop", SURE)
    assert (drop.value, drop.how) == (0.011, f"high end of {DROP}")
    assert read("max_relative_accuracy_drop", SURE).value == 0.011 / 0.98
    score = read("min_accuracy", SURE)
    assert score.value == 0.96
    assert score.how.startswith("low end of 0.9750 accuracy over 1,797 samples; 95 % interval")


def test_without_an_interval_only_the_point_value_can_be_judged() -> None:
    none = Comparison(confidence=0.95, why="the test data has only one sample")
    drop = read("max_accuracy_drop", replace(FINDINGS, comparison=none))
    assert (drop.value, drop.resolvable) == (0.005, 0.0)
    assert drop.how.startswith("drop 0.005000, no interval: the test data has only one")
    for name in ("min_accuracy", "max_accuracy_drop", "max_relative_accuracy_drop"):
        with pytest.raises(UnmeasuredError) as raised:
            read(name, replace(SURE, comparison=none))
        assert str(raised.value) == (
            "`confidence` needs an interval: the test data has only one sample"
        )


def test_a_test_set_of_one_class_is_told() -> None:
    one = COMPARISON.model_copy(update={"classes": COMPARISON.classes[:1]})
    how = read("max_accuracy_drop", replace(FINDINGS, comparison=one)).how
    assert how.endswith("(p 0.035); all samples are of class 3")


@pytest.mark.parametrize(
    ("accuracy", "baseline"), [(0.97, 0.97), (0.98, 0.97), (0.9, None)], ids=str
)
def test_no_class_is_named_where_none_lost(accuracy: float, baseline: float | None) -> None:
    classes = tuple(
        ClassAccuracy(label=label, samples=9, accuracy=accuracy, baseline=baseline)
        for label in (3, 4)
    )
    found = COMPARISON.model_copy(update={"classes": classes})
    how = read("max_accuracy_drop", replace(FINDINGS, comparison=found)).how
    assert how == DROP.removesuffix("; class 3 lost most: 0.970 to 0.900")


def test_no_change_is_not_minus_zero() -> None:
    same = replace(FINDINGS, baseline=0.975)
    assert str(read("max_accuracy_drop", same).value) == "0.0"


def test_a_share_of_a_baseline_below_zero_keeps_its_direction() -> None:
    worse = replace(FINDINGS, baseline=-0.5, score=SCORE.model_copy(update={"value": -1.0}))
    assert read("max_relative_accuracy_drop", worse).value == 1.0


def test_no_share_of_a_baseline_of_zero() -> None:
    with pytest.raises(UnmeasuredError) as raised:
        read("max_relative_accuracy_drop", replace(FINDINGS, baseline=0.0))
    assert str(raised.value) == "the baseline's accuracy is 0, so a drop cannot be a share of it"


def test_operations_that_cannot_be_counted_are_unmeasured() -> None:
    assert FINDINGS.structure
    uncounted = FINDINGS.structure.model_copy(update={"macs": None})
    with pytest.raises(UnmeasuredError) as raised:
        read("max_macs", replace(FINDINGS, structure=uncounted))
    assert str(raised.value) == (
        "the graph has loops, branches or custom operators, so its multiply-accumulates cannot be "
        "counted"
    )


def test_a_target_answers_in_place_of_this_machine() -> None:
    on_target = replace(FINDINGS, figures=FIGURES)
    assert read("max_latency", on_target) == Measurement(2e-3, "by Vela")
    assert read("max_latency_p90", on_target) == Measurement(3e-3, "by Vela")
    assert read("max_memory", on_target) == Measurement(80, "by Vela")
    size = Measurement(3500, "on the target, by Vela; the .tflite has 3,776 B")
    assert read("max_bytes", on_target) == size


def test_what_a_target_does_not_report_is_unmeasured_and_the_file_has_its_size() -> None:
    silent = replace(FINDINGS, figures=Figures(latency_s=2e-3, how="by a board"))
    for name, field in [("max_latency_p99", "p99_s"), ("max_memory", "memory_bytes")]:
        with pytest.raises(UnmeasuredError) as raised:
            read(name, silent)
        assert str(raised.value) == f"the target does not report {field}: by a board"
    with pytest.raises(UnmeasuredError) as raised:
        read("max_macs", silent)
    assert str(raised.value) == "the target does not report max_macs: by a board"
    assert read("max_bytes", silent) == MEASURED["max_bytes"]


LATENCIES = {"max_latency", "max_latency_p90", "max_latency_p99", "max_latency_growth"}
ELSEWHERE = {"max_bytes", "max_bytes_growth", "max_memory", "max_memory_growth", *LATENCIES}


@pytest.mark.parametrize(
    ("target", "limits"),
    [
        ("host", set()),
        ("adb", LATENCIES),
        ("ethos-u55-128", ELSEWHERE),
        ("m:f", ELSEWHERE),
        (CommandTarget(command=("run", "{model}")), ELSEWHERE),
    ],
)
def test_which_limits_a_target_answers(target: str | CommandTarget, limits: set[str]) -> None:
    assert target_kind(target).limits == limits


@pytest.mark.parametrize(
    ("allowed", "count", "how"),
    [
        (("SOFTMAX", "FULLY_CONNECTED", "ABS"), 0, "no other operator"),
        (("SOFTMAX",), 1, "1 other operator: FULLY_CONNECTED"),
        (("CUSTOM:mine",), 2, "2 other operators: FULLY_CONNECTED, SOFTMAX"),
    ],
)
def test_other_operators_than_the_allowed_are_counted(
    allowed: tuple[str, ...], count: int, how: str
) -> None:
    only = Findings(FINDINGS.artifact, "accuracy", True, structure=FINDINGS.structure)
    limit = Limit("allowed_ops", allowed, "", PLACE)
    assert LIMITS["allowed_ops"].needs == {"artifact", "structure"}
    assert measure(limit, only) == Measurement(count, how)


@pytest.mark.parametrize(
    ("high", "remark"),
    [(0.001, ""), (0.0009, "slower than the baseline, which takes 800 us")],
)
def test_a_latency_that_is_surely_higher_than_that_of_the_baseline_says_so(
    high: float, remark: str
) -> None:
    def sample(value: float, low: float, high: float) -> LatencySample:
        found = LatencyEstimate(value=value, low=low, high=high)
        return present(FINDINGS.latency).model_copy(update={"estimates": {"p50": found}})

    findings = replace(
        FINDINGS,
        latency=sample(0.0011, 0.001, 0.0012),
        baseline_latency=sample(0.0008, 0.0007, high),
    )
    assert read("max_latency", findings).remark == remark


@pytest.mark.parametrize(("low", "value", "remark"), [(0.99, 1.2, ""), (1.5, 1.7, "1.70 times")])
def test_a_model_that_is_surely_slower_than_its_baseline_says_so(
    low: float, value: float, remark: str
) -> None:
    ratio = LatencyEstimate(value=value, low=low, high=2.0)
    latency = present(FINDINGS.latency).model_copy(update={"estimates": {"ratio": ratio}})
    measured = read("max_latency_ratio", replace(FINDINGS, latency=latency))
    slower = f"slower than the float model: {remark} its latency"
    assert measured.remark == (slower if remark else "")
    verdict = judge(Limit("max_latency_ratio", 3.0, "", PLACE), measured)
    assert (verdict.outcome, verdict.remark) == ("within", measured.remark)
