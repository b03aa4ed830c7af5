import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.accepted import (
    AcceptedFigure,
    AcceptedVariant,
    environment_changes,
    environment_name,
)
from pytest_modelbudget.judge.findings import Artifact, Findings, UnmeasuredError
from pytest_modelbudget.judge.limits import FIGURES, LIMITS, measure
from pytest_modelbudget.judge.limits.growth_bound import GrowthBound, Since
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.results.inference_costs import Instructions
from pytest_modelbudget.judge.results.latencies import LatencyEstimate, LatencySample
from pytest_modelbudget.judge.results.scores import Comparison, Interval, ModelScore
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.judge.verdict import Verdict, judge
from pytest_modelbudget.units.table import Quantity

PLACE = Span(Path("m.budget.yaml"), 3, 5)
COMPARISON = Comparison(confidence=0.95, score=Interval(low=0.96, high=0.99), method="Wilson")
ESTIMATES = {"p50": LatencyEstimate(value=1.2e-3, low=1.1e-3, high=1.3e-3)}
SAMPLE = LatencySample(
    estimates=ESTIMATES,  # type: ignore[arg-type]
    invocations=100,
    counted=90,
    percentiles_s=(),
    preempted=1,
    windows=20,
    slow_windows=1,
    warmup=10,
    seconds=1.0,
    confidence=0.99,
    threads=1,
    delegate="XNNPACK",
    cpu="EPYC",
    governor="performance",
)
TOOLS = {"ai-edge-litert": "2.3.0"}
FINDINGS = Findings(
    artifact=Artifact(Path("m.tflite"), "new", 40_400, 9_000, seconds=0.5, cached=False),
    metric="accuracy",
    higher_is_better=True,
    score=ModelScore(
        value=0.975, samples=400, seconds=1, invoke_s=1, threads=1, data="cd", sample_set="abcd"
    ),
    comparison=COMPARISON,
    test_data="digits:test",
    latency=SAMPLE,
    tools=TOOLS,
)
MACHINE = environment_name(FIGURES["latency"].environment(FINDINGS))


def accepted(figure: str, value: float, anchor: float | None = None, **more: Any) -> Findings:
    known = AcceptedFigure(value, value if anchor is None else anchor, "old", **more)
    is_machine = FIGURES[figure].by_machine
    variant = AcceptedVariant(
        "old",
        {} if is_machine else {figure: known},
        {figure: {MACHINE: known}} if is_machine else {},
    )
    return replace(FINDINGS, accepted=variant)


def growth(
    relative: float | None = None,
    absolute: float | None = None,
    unit: str = "B",
    since: Since = "accepted",
) -> GrowthBound:
    return GrowthBound(relative, None if absolute is None else Quantity(absolute, unit), since)


def verdict(name: str, bound: GrowthBound, findings: Findings) -> Verdict:
    limit = Limit(name, bound, "", PLACE)
    return judge(limit, measure(limit, findings))


def refused(name: str, findings: Findings, bound: GrowthBound | None = None) -> str:
    with pytest.raises(UnmeasuredError) as error:
        verdict(name, bound or growth(0.01), findings)
    return str(error.value)


INSTRUCTIONS = Instructions(
    count=2_020,
    uncounted=0,
    functions=(),
    outside_xnnpack=(),
    valgrind="valgrind-3.19.0",
    cpu="AVX2, no AVX-512",
)


def test_instructions_are_compared_for_one_kind_of_cpu_and_one_batch() -> None:
    def found(**environment: str) -> Findings:
        known = accepted("instructions", 2_000, environment=environment)
        return replace(known, instructions=INSTRUCTIONS)

    same = {"cpu": "AVX2, no AVX-512", "batch_size": "1", "valgrind": "3.22.0"}
    for known in (same, {}):
        judged = verdict("max_instructions_growth", growth(absolute=19, unit=""), found(**known))
        assert (judged.outcome, judged.measured) == ("exceeded", 20)
    assert refused("max_instructions_growth", found(cpu="AVX, no AVX-512")) == (
        "the accepted instructions were counted with cpu AVX, no AVX-512, and these with cpu "
        "AVX2, no AVX-512; accept them again with --budget-update if this is intended"
    )
    assert refused("max_instructions_growth", found(batch_size="8")) == (
        "the accepted instructions were counted with batch_size 8, and these with batch_size 1; "
        "accept them again with --budget-update if this is intended"
    )


def test_every_figure_has_a_limit_of_its_growth() -> None:
    grown = {kind.figure for kind in LIMITS.values() if isinstance(kind, GrowthLimit)}
    assert grown == set(FIGURES)


@pytest.mark.parametrize(
    ("bound", "outcome", "measured", "allowed"),
    [
        (growth(0.01), "within", 0.01, 0.01),
        (growth(0.0099), "exceeded", 0.01, 0.0099),
        (growth(absolute=400), "within", 400, 400),
        (growth(absolute=399), "exceeded", 400, 399),
        (growth(0.001, 400), "within", 400, 400),  # only one of the two is exceeded
        (growth(0.01, 10), "within", 0.01, 0.01),
        (growth(0.001, 10), "exceeded", 0.01, 0.001),  # both are
        (growth(0.0), "exceeded", 0.01, 0.0),
    ],
)
def test_growth_is_exceeded_where_both_of_its_bounds_are(
    bound: GrowthBound, outcome: str, measured: float, allowed: float
) -> None:
    found = verdict("max_bytes_growth", bound, accepted("bytes", 40_000))
    assert (found.outcome, found.bound) == (outcome, allowed)
    assert found.measured == pytest.approx(measured)
    assert found.baseline == "40.0 kB (accepted)"


def test_many_small_steps_show_against_the_anchor() -> None:
    findings = accepted("bytes", 40_399, anchor=30_000)
    assert verdict("max_bytes_growth", growth(0.01), findings).outcome == "within"
    found = verdict("max_bytes_growth", growth(0.01, since="anchor"), findings)
    assert found.outcome == "exceeded"
    assert found.baseline == "30.0 kB (anchor)"


def test_what_was_never_accepted_is_unmeasured_and_names_the_command() -> None:
    for findings in (FINDINGS, accepted("macs", 5)):
        assert refused("max_bytes_growth", findings) == (
            "bytes is 40.4 kB, and none was accepted yet; accept it with "
            "`pytest m.budget.yaml --budget-update`"
        )


def test_a_figure_that_improved_by_more_than_its_limit_is_told() -> None:
    found = verdict("max_bytes_growth", growth(0.01), accepted("bytes", 50_000))
    assert found.outcome == "within"
    assert found.improvement == "bytes improved from 50.0 kB to 40.4 kB"
    assert not verdict("max_bytes_growth", growth(0.2), accepted("bytes", 50_000)).improvement


def test_growth_from_nothing_has_no_share() -> None:
    findings = accepted("bytes", 0)
    assert verdict("max_bytes_growth", growth(0.5), findings).outcome == "exceeded"
    assert verdict("max_bytes_growth", growth(0.5, 50_000), findings).outcome == "within"


SCORED: Mapping[str, Any] = {"metric": "accuracy", "data": "ab"}


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_loss_is_a_change_for_the_worse_whatever_the_metric(higher_is_better: bool) -> None:
    before = 0.985 if higher_is_better else 0.965
    findings = replace(accepted("accuracy", before, **SCORED), higher_is_better=higher_is_better)
    found = verdict("max_accuracy_loss", growth(absolute=0.01, unit="pp"), findings)
    assert (found.outcome, found.measured) == ("within", 0.01)
    assert verdict("max_accuracy_loss", growth(absolute=0.009, unit="pp"), findings).outcome == (
        "exceeded"
    )


def test_a_loss_without_the_accepted_outcomes_says_so() -> None:
    findings = accepted("accuracy", 0.985, **SCORED)
    found = verdict("max_accuracy_loss", growth(0.05), findings)
    assert found.remark == (
        "max_accuracy_loss compares score against score: the outcomes of the accepted artifact "
        "are not in the cache"
    )
    sure = replace(findings, confident=True)
    limit = growth(absolute=0.02, unit="pp")
    assert verdict("max_accuracy_loss", limit, sure).measured == pytest.approx(0.025)


def test_a_loss_is_paired_with_the_accepted_outcomes() -> None:
    paired = Comparison(
        confidence=0.95, drop=Interval(low=0.004, high=0.016), method="paired, Tango"
    )
    findings = replace(accepted("accuracy", 0.985, **SCORED), since_accepted=paired)
    found = verdict("max_accuracy_loss", growth(absolute=0.01, unit="pp"), findings)
    assert (found.measured, found.remark) == (0.01, "")
    assert "95 % interval 0.004000\u20130.01600 (paired, Tango)" in found.how
    sure = verdict(
        "max_accuracy_loss", growth(absolute=0.01, unit="pp"), replace(findings, confident=True)
    )
    assert (sure.outcome, sure.measured) == ("exceeded", 0.016)
    anchored = verdict("max_accuracy_loss", growth(0.5, since="anchor"), findings)
    assert "paired" not in anchored.how


def test_other_data_or_another_metric_is_unmeasured_and_named() -> None:
    again = "accept the score again with --budget-update if this is intended"
    assert refused("max_accuracy_loss", accepted("accuracy", 0.9, metric="f1", data="ab")) == (
        f"the accepted score is f1 and this one is accuracy; {again}"
    )
    assert refused(
        "max_accuracy_loss", accepted("accuracy", 0.9, metric="accuracy", data="xy")
    ) == (
        f"the score was accepted on other samples: digits:test had the digest xy and has abcd; "
        f"{again}"
    )


def by_turns(ratio: float, low: float, high: float) -> LatencySample:
    return SAMPLE.model_copy(
        update={"estimates": {"ratio": LatencyEstimate(value=ratio, low=low, high=high)}}
    )


def test_latency_grows_by_the_ratio_of_both_artifacts_by_turns() -> None:
    findings = replace(accepted("latency", 5e-3), beside_accepted=by_turns(1.1, 1.08, 1.12))
    found = verdict("max_latency_growth", growth(0.05), findings)
    assert found.outcome == "exceeded"
    assert found.measured == pytest.approx(0.1)
    assert found.interval == pytest.approx((0.08, 0.12))
    assert found.how.startswith(
        "both artifacts, measured alternately; 20th percentiles of 90 invocations"
    )
    assert verdict("max_latency_growth", growth(0.2), findings).outcome == "within"
    assert refused("max_latency_growth", findings, growth(0.09)).startswith("inconclusive: ")
    unbounded = replace(findings, beside_accepted=by_turns(1.1, 1.08, math.inf))
    _, high = verdict("max_latency_growth", growth(0.05), unbounded).interval or (0.0, 0.0)
    assert high is None


def test_the_accepted_artifact_by_turns_needs_no_accepted_latency_of_this_machine() -> None:
    variant = AcceptedVariant("old", {}, {"latency": {"elsewhere": AcceptedFigure(1, 1, "old")}})
    elsewhere = replace(FINDINGS, accepted=variant)
    assert refused("max_latency_growth", elsewhere) == (
        "latency is 1.20 ms, and none was accepted yet on this machine; accept it with "
        "`pytest m.budget.yaml --budget-update`"
    )
    findings = replace(elsewhere, beside_accepted=by_turns(1.2, 1.19, 1.21))
    found = verdict("max_latency_growth", growth(0.1), findings)
    assert (found.outcome, found.baseline) == ("exceeded", "1.00 ms (accepted)")
    assert found.measured == pytest.approx(0.2)


def test_latency_without_the_accepted_artifact_goes_from_interval_to_interval() -> None:
    findings = accepted("latency", 1e-3, interval=(0.95e-3, 1.05e-3))
    found = verdict("max_latency_growth", growth(0.04), findings)
    assert found.outcome == "exceeded"
    assert found.interval == pytest.approx((0.05, 0.35))
    assert refused("max_latency_growth", findings, growth(0.1)).startswith("inconclusive: ")


def test_the_accepted_artifact_itself_has_not_grown() -> None:
    same = replace(FINDINGS.artifact, sha256="old")
    findings = replace(accepted("latency", 1e-3), artifact=same)
    found = verdict("max_latency_growth", growth(0.0), findings)
    assert (found.outcome, found.measured, found.how) == (
        "within",
        0.0,
        "the artifact is the accepted one",
    )


def test_growth_on_a_target_compares_what_the_target_reports() -> None:
    figures = Figures(latency_s=2e-3, memory_bytes=80, size_bytes=3500, how="by Vela")
    findings = replace(accepted("bytes", 3000), figures=figures, target="ethos-u55-128")
    found = verdict("max_bytes_growth", growth(0.1), findings)
    assert found.measured == pytest.approx(500 / 3000)
    assert FIGURES["bytes"].environment(findings)["target"] == "ethos-u55-128"


def test_environments_differ_by_what_changed() -> None:
    changes = environment_changes({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"})
    assert changes == "b 2 -> 3, c none -> 4"
    assert environment_name({"a": "1", "b": "2"}) == environment_name({"b": "2", "a": "1"})
