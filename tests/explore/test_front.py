import pytest

from pytest_modelbudget.explore.bounds import Bound, bounds_of
from pytest_modelbudget.explore.front import left_out
from pytest_modelbudget.explore.measured import MeasuredVariant, MeasuredVariants
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.units.table import BaseUnit

UNITS: dict[str, tuple[BaseUnit, str]] = {
    "bytes": ("bytes", "kB"),
    "gzip_bytes": ("bytes", "kB"),
    "accuracy": ("score", ""),
    "accuracy_drop": ("score", "pp"),
    "latency": ("seconds", "us"),
    "latency_ratio": ("ratio", ""),
}


def variant(
    name: str,
    intervals: dict[str, tuple[float, float]] | None = None,
    *,
    unit: str | None = None,
    higher_is_better: bool = True,
    **figures: float,
) -> MeasuredVariant:
    rows = []
    for figure, value in figures.items():
        low, high = (intervals or {}).get(figure, (None, None))
        base, written = UNITS[figure]
        is_other = unit is not None and figure == "accuracy_drop"
        rows.append(
            Row(
                budget="m.budget.yaml",
                name=figure,
                place="",
                outcome="measured",
                unit=base,
                written_unit=str(unit) if is_other else written,
                measured=value,
                low=low,
                high=high,
            )
        )
    return MeasuredVariant(name, tuple(rows), higher_is_better=higher_is_better)


def latency(low: float, high: float) -> dict[str, tuple[float, float]]:
    return {"latency": (low, high)}


def test_what_is_nowhere_better_is_left_out() -> None:
    float32 = variant("float32", latency(9, 11), bytes=100, accuracy=0.9, latency=10)
    same = variant("same", latency(9, 11), bytes=100, accuracy=0.9, latency=10)
    smaller = variant("smaller", latency(9.5, 12), bytes=50, accuracy=0.9, latency=11)
    slower = variant("slower", latency(20, 21), bytes=60, accuracy=0.9, latency=20.5)
    worse = variant("worse", latency(9.5, 12), bytes=40, accuracy=0.89, latency=11)
    not_built = MeasuredVariant("failed", why_not="it has no weights")
    assert left_out([float32, smaller, slower, worse, not_built]) == {
        "failed": "it has no weights",
        "float32": "smaller is as good in every figure, and better in one",
        "slower": "smaller is as good in every figure, and better in one",
    }
    assert left_out([float32, same]) == {}


def test_a_surely_faster_variant_stays() -> None:
    one = variant("one", latency(9, 11), bytes=100, latency=10)
    faster = variant("faster", latency(4, 5), bytes=200, latency=4.5)
    assert left_out([one, faster]) == {}


def test_on_a_busy_machine_the_ratio_to_the_float_model_tells_which_is_faster() -> None:
    ratio, busy = {"latency_ratio": (1.0, 1.1)}, latency(9, 20)
    faster = variant("int8", busy | ratio, bytes=100, latency=10, latency_ratio=1.05)
    ratio = {"latency_ratio": (1.7, 1.9)}
    slower = variant("int4", busy | ratio, bytes=50, latency=16, latency_ratio=1.8)
    float32 = variant("float32", latency(9, 10), bytes=200, latency=9.5)
    assert left_out([faster, slower]) == {}
    assert set(left_out([float32, faster])) == {"float32"}, "it has no ratio"


def test_a_lower_error_is_better() -> None:
    one = variant("one", bytes=100, accuracy=0.5, higher_is_better=False)
    better = variant("better", bytes=100, accuracy=0.4, higher_is_better=False)
    assert set(left_out([one, better])) == {"one"}


def test_what_loses_much_of_the_score_beats_nothing() -> None:
    useless = variant("int4", bytes=10, accuracy=0.6, accuracy_drop=0.3)
    good = variant("int8", bytes=20, accuracy=0.6, accuracy_drop=0.3 / 9)
    assert left_out([useless, good]) == {"int4": "loses 33 % of the float model's score"}


def written(measured: MeasuredVariant, headroom: float = 0.05) -> dict[str, str]:
    return {bound.limit: bound.written for bound in bounds_of(measured, headroom)}


def test_limits_leave_room_and_are_written_as_people_do() -> None:
    intervals = {"accuracy_drop": (-0.007, 0.0035), "latency_ratio": (0.5, 0.6)}
    int8 = variant(
        "int8",
        intervals,
        bytes=43_704,
        gzip_bytes=35_600,
        accuracy=0.9925,
        accuracy_drop=-0.00125,
        latency_ratio=0.55,
    )
    assert [*bounds_of(int8, 0.05)] == [
        Bound("max_bytes", "45.9 kB", "measured 43.7 kB"),
        Bound("max_gzip_bytes", "37.4 kB", "measured 35.6 kB"),
        Bound("max_accuracy_drop", "0.53 pp", "measured -0.125 pp (-0.700 to 0.350 pp)"),
        Bound("max_latency_ratio", "0.9", "measured 0.55"),
    ]


def test_an_interval_without_a_width_leaves_the_headroom() -> None:
    f1 = variant("int8", {"accuracy_drop": (0.0, 0.0)}, accuracy=0.8, accuracy_drop=0.0)
    assert written(f1, 0.05) == {"max_accuracy_drop": "4 pp"}
    assert written(variant("int8", accuracy=0.8, accuracy_drop=0.0), 0.05) == written(f1, 0.05)
    assert written(variant("float32", {"accuracy": (1.0, 1.0)}, accuracy=1.0)) == {
        "min_accuracy": "0.95"
    }


def test_the_float_model_has_a_minimum() -> None:
    exact = variant("float32", {"accuracy": (0.98219, 0.99)}, accuracy=0.986)
    assert written(exact) == {"min_accuracy": "0.982"}
    assert written(variant("float32", accuracy=0.5), 0.1) == {"min_accuracy": "0.45"}
    assert written(variant("float32", {"accuracy": (0.0, 0.3)}, accuracy=0.1)) == {}
    assert written(variant("float32", accuracy=0.5, higher_is_better=False)) == {}


def test_an_error_may_grow_by_the_headroom() -> None:
    drop = {"accuracy_drop": (0.0, 0.0)}
    mae = variant("int8", drop, unit="", accuracy=0.05, accuracy_drop=0.0, higher_is_better=False)
    assert written(mae) == {"max_accuracy_drop": "0.0025"}
    without_interval = variant("own", unit="", accuracy=1.0, accuracy_drop=1.0)
    assert written(without_interval, 0.1) == {"max_accuracy_drop": "1.2"}


def test_a_test_set_that_resolves_nothing_has_no_limit_of_the_drop() -> None:
    assert written(variant("int8", {"accuracy_drop": (-0.6, 0.6)}, accuracy_drop=0.0)) == {}


def test_a_notebook_shows_a_table() -> None:
    table = MeasuredVariants(
        [variant("<int8>", bytes=43_704.0), MeasuredVariant("qat", why_not="needs --train")]
    )
    assert repr(table) == (
        "variant  bytes    why not\n<int8>   43.7 kB\nqat               needs --train"
    )
    assert table._repr_html_() == (
        "<table><tr><th>variant</th><th>bytes</th><th>why not</th></tr>"
        "<tr><td>&lt;int8&gt;</td><td>43.7 kB</td><td></td></tr>"
        "<tr><td>qat</td><td></td><td>needs --train</td></tr></table>"
    )
    assert table[0].value("bytes") == pytest.approx(43_704)
    assert len(table[:1]) == 1
