import math
from pathlib import Path

import pytest

from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.findings import Measurement, UnmeasuredError
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.verdict import Verdict, judge

PLACE = Span(Path("digits.budget.yaml"), 3, 5)
Bound = float | bool | tuple[str, ...]


def judged(name: str, bound: Bound, measured: float) -> Verdict:
    limit = Limit(name, bound, "", PLACE)
    return judge(limit, Measurement(measured, "somehow", "something"))


def test_a_verdict_tells_all_that_a_report_shows() -> None:
    assert judged("max_bytes", 1000, 900) == Verdict(
        limit="max_bytes",
        outcome="within",
        base_unit="bytes",
        unit="",
        measured=900,
        bound=1000,
        margin=100,
        how="somehow",
        baseline="something",
    )


@pytest.mark.parametrize(
    ("name", "bound", "unit"),
    [
        ("max_bytes", 1000, 1),
        ("max_macs", 10**12, 1),
        ("max_accuracy_drop", 0.005, 1e-6),
        ("max_latency", 2e-3, 1e-9),
        ("max_accuracy_drop", 0.0, 1e-6),
        ("max_accuracy_drop", 1e-13, 1e-14),
        ("max_accuracy_drop", 0.0, 1e-15),
    ],
)
def test_a_maximum_holds_up_to_the_bound_and_not_one_unit_further(
    name: str, bound: float, unit: float
) -> None:
    below, at, above = (judged(name, bound, bound + step * unit) for step in (-1, 0, 1))
    assert (below.outcome, at.outcome, above.outcome) == ("within", "within", "exceeded")
    assert (below.margin, at.margin, above.margin) == pytest.approx((unit, 0, -unit))


@pytest.mark.parametrize(("name", "bound"), [("min_accuracy", 0.98), ("min_sparsity", 0.88)])
def test_a_minimum_holds_down_to_the_bound_and_not_one_unit_further(
    name: str, bound: float
) -> None:
    unit = 1e-6
    below, at, above = (judged(name, bound, bound + step * unit) for step in (-1, 0, 1))
    assert (below.outcome, at.outcome, above.outcome) == ("exceeded", "within", "within")
    assert (below.margin, at.margin, above.margin) == pytest.approx((-unit, 0, unit))


def test_a_drop_that_only_rounding_puts_over_the_bound_is_within() -> None:
    drop = 0.98 - 0.975
    assert drop > 0.005
    verdict = judged("max_accuracy_drop", 0.005, drop)
    assert (verdict.outcome, verdict.margin) == ("within", 0)


@pytest.mark.parametrize("name", ["max_bytes", "max_accuracy_drop", "min_accuracy", "max_latency"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_within(name: str, value: float) -> None:
    with pytest.raises(UnmeasuredError) as raised:
        judged(name, 1, value)
    assert str(raised.value) == f"the measured value is {value}: somehow"


@pytest.mark.parametrize(("found", "outcome"), [(0, "within"), (1, "exceeded")])
@pytest.mark.parametrize(("name", "bound"), [("integer_only", True), ("allowed_ops", ("ADD",))])
def test_operators_that_should_not_be_there_are_allowed_none(
    name: str, bound: Bound, found: int, outcome: str
) -> None:
    verdict = judged(name, bound, found)
    assert (verdict.outcome, verdict.bound, verdict.margin) == (outcome, 0, -found)


@pytest.mark.parametrize(
    ("limit", "bound", "unit", "note"),
    [
        ("max_accuracy_drop", 0.002, "", ""),
        (
            "max_accuracy_drop",
            0.001,
            "pp",
            "test set too small: with 800 samples, drops under 0.200 pp cannot be told from zero "
            "(limit: 0.1 pp)",
        ),
        (
            "max_accuracy_drop",
            0.001,
            "",
            "test set too small: with 800 samples, drops under 0.002000 cannot be told from zero "
            "(limit: 0.001)",
        ),
        (
            "max_relative_accuracy_drop",
            0.001,
            "%",
            "test set too small: with 800 samples, drops under 0.200 % cannot be told from zero "
            "(limit: 0.1 %)",
        ),
    ],
)
def test_a_limit_that_the_test_set_cannot_resolve_is_noted(
    limit: str, bound: float, unit: str, note: str
) -> None:
    measured = Measurement(0.0, "somehow", resolvable=0.002, samples=800)
    assert judge(Limit(limit, bound, unit, PLACE), measured).note == note


@pytest.mark.parametrize(
    ("samples", "resolvable", "note"),
    [
        (1, 0.002, "with 1 sample, drops under 0.200 pp cannot be told from zero"),
        (2, 0.002, "with 2 samples, drops under 0.200 pp cannot be told from zero"),
        (9_900, 0.0010001, "with 9,900 samples, drops under 0.10001 pp cannot be told from zero"),
    ],
)
def test_a_note_counts_samples_and_shows_more_than_the_limit(
    samples: int, resolvable: float, note: str
) -> None:
    measured = Measurement(0.0, "somehow", resolvable=resolvable, samples=samples)
    verdict = judge(Limit("max_accuracy_drop", 0.001, "pp", PLACE), measured)
    assert verdict.note == f"test set too small: {note} (limit: 0.1 pp)"


def test_a_limit_without_a_resolution_has_no_note() -> None:
    assert judged("min_accuracy", -0.5, 0.0).note == ""


def spread(low: float, high: float | None) -> Measurement:
    interval = (low, high)
    return Measurement(
        1.02e-3, "somehow", interval=interval, confidence=0.99, disturbed="after 10 s, much"
    )


@pytest.mark.parametrize(
    ("bound", "low", "high", "outcome"),
    [
        (1.1e-3, 1.0e-3, 1.1e-3, "within"),
        (0.9e-3, 0.91e-3, 1.1e-3, "exceeded"),
        (0.9e-3, 0.91e-3, None, "exceeded"),
    ],
)
def test_an_interval_on_one_side_of_the_limit_is_judged(
    bound: float, low: float, high: float | None, outcome: str
) -> None:
    verdict = judge(Limit("max_latency", bound, "ms", PLACE), spread(low, high))
    assert (verdict.outcome, verdict.interval) == (outcome, (low, high))


@pytest.mark.parametrize(
    ("bound", "low", "high", "text"),
    [
        (1.05e-3, 1.0e-3, 1.1e-3, "1.00\u20131.10 ms contains the limit 1.05 ms"),
        (1.0e-3, 1.0e-3, 1.1e-3, "1.00\u20131.10 ms contains the limit 1 ms"),
        (9.0, 1.0e-3, None, "at least 1.00 ms contains the limit 9,000 ms"),
    ],
)
def test_an_interval_that_holds_the_limit_is_unmeasured(
    bound: float, low: float, high: float | None, text: str
) -> None:
    with pytest.raises(UnmeasuredError) as raised:
        judge(Limit("max_latency", bound, "ms", PLACE), spread(low, high))
    assert str(raised.value) == f"inconclusive: the 99 % interval {text}; after 10 s, much"
