import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.judge.results.scores import Comparison, Flips, Interval, ModelScore
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import CompareJob
from pytest_modelbudget.workers.measure.accuracy.comparison import compare
from pytest_modelbudget.workers.measure.accuracy.metrics import scorer_of
from pytest_modelbudget.workers.measure.accuracy.per_sample import ColumnWriter, read_columns
from pytest_modelbudget.workers.measure.accuracy.score_intervals import tango, wilson

RANDOM = np.random.default_rng(3)
LABELS = RANDOM.integers(3, size=500)
GOOD = np.eye(3)[LABELS] + RANDOM.normal(scale=0.4, size=(500, 3))
BAD = GOOD + RANDOM.normal(scale=0.3, size=(500, 3))
Compare = Callable[..., Comparison]


@pytest.fixture
def compared(tmp_path: Path) -> Compare:
    """Evaluate outputs for labels, and compare them."""

    def side(name: str, metric: Metric, y_true: Any, y_pred: Any, data: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        scorer = scorer_of(metric)
        with ColumnWriter(folder) as columns:
            for start in range(0, len(y_true), 128):
                rows = slice(start, start + 128)
                columns.append(scorer.keep(y_true[rows], y_pred[rows]))
        value = scorer.value(read_columns(folder))
        score = ModelScore(
            value=value, samples=len(y_true), seconds=1, invoke_s=1, threads=1, data=data
        )
        (folder / "result.json").write_text(score.model_dump_json())
        return folder

    def compared(
        metric: Metric,
        y_pred: Any,
        baseline: Any,
        y_true: Any = LABELS,
        confidence: float = 0.95,
        data: str = "same",
    ) -> Comparison:
        before = baseline
        if isinstance(baseline, np.ndarray):
            before = side("baseline", metric, y_true, baseline, "same")
        job = CompareJob(
            scored=side("model", metric, y_true, y_pred, data),
            baseline=before,
            metric=metric,
            confidence=confidence,
            project=Project(rootdir=tmp_path, sys_path=()),
        )
        return compare(CompareJob.model_validate_json(job.model_dump_json()))

    return compared


def test_right_and_wrong_are_paired_sample_by_sample(compared: Compare) -> None:
    found = compared(Metric(), BAD, GOOD)
    right, before = np.equal(BAD.argmax(1), LABELS), np.equal(GOOD.argmax(1), LABELS)
    lost, gained = np.flatnonzero(before & ~right), np.flatnonzero(right & ~before)
    assert found.flips
    assert (found.flips.lost, found.flips.gained) == (len(lost), len(gained))
    assert found.flips.lost_samples == tuple(lost)
    assert found.flips.gained_samples == tuple(gained)
    assert found.drop == tango(len(lost), len(gained), 500, 0.95)
    assert found.score == wilson(int(np.count_nonzero(right)), 500, 0.95)
    assert found.method == "paired, Tango"
    assert [each.label for each in found.classes] == [0, 1, 2]
    for each in found.classes:
        rows = np.flatnonzero(np.equal(LABELS, each.label))
        assert each.samples == len(rows)
        assert each.accuracy == pytest.approx(right[rows].mean())
        assert each.baseline == pytest.approx(before[rows].mean())


def test_no_more_than_a_hundred_flips_are_listed(compared: Compare) -> None:
    found = compared(Metric(), -GOOD, GOOD)
    assert found.flips
    assert found.flips.lost > len(found.flips.lost_samples) == 100


def test_a_baseline_that_is_a_number_is_taken_as_exact(compared: Compare) -> None:
    found = compared(Metric(), BAD, 0.98)
    assert found.score
    assert found.drop == Interval(low=0.98 - found.score.high, high=0.98 - found.score.low)
    assert (found.flips, found.classes[0].baseline) == (None, None)
    assert found.method == "Wilson"


def test_without_a_baseline_there_is_no_drop(compared: Compare) -> None:
    found = compared(Metric(name="f1"), BAD, None)
    assert found.drop is None
    assert found.score
    assert found.score.low < found.score.high
    assert found.method == "bootstrap"


def test_one_sample_is_right_or_wrong_but_says_nothing(compared: Compare) -> None:
    found = compared(Metric(), BAD[:1], GOOD[:1], LABELS[:1])
    assert found.drop
    assert found.drop.high - found.drop.low > 1
    assert found.flips == Flips(lost=0, gained=0, lost_samples=(), gained_samples=(), p_value=1.0)


WHOLE = ["auc", "f1"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_metric_of_the_whole_set_is_resampled_in_pairs(compared: Compare, name: Any) -> None:
    metric = Metric(name=name)
    found = compared(metric, BAD, GOOD)
    scorer = scorer_of(metric)
    drop = scorer.value(scorer.keep(LABELS, GOOD)) - scorer.value(scorer.keep(LABELS, BAD))
    assert found.drop
    assert found.score
    assert 0 < found.drop.low < drop < found.drop.high
    # Errors of the two are alike, so that a difference of pairs varies less than one alone.
    assert found.drop.high - found.drop.low < 1.5 * (found.score.high - found.score.low)
    assert found.method == "paired bootstrap"


def test_no_change_is_not_minus_zero(compared: Compare) -> None:
    found = compared(Metric(name="f1"), GOOD, GOOD)
    assert found.drop
    assert (str(found.drop.low), str(found.drop.high)) == ("0.0", "0.0")


def test_an_error_that_grows_is_a_drop(compared: Compare) -> None:
    metric = Metric(name="mae", higher_is_better=False)
    truth = np.zeros(500)
    found = compared(metric, np.abs(BAD[:, 0]) + 1, np.abs(BAD[:, 0]), truth)
    assert found.drop
    assert (found.drop.low, found.drop.high) == pytest.approx((1, 1))


def test_an_error_against_a_number(compared: Compare) -> None:
    found = compared(Metric(name="mse", higher_is_better=False), BAD[:, 0], 0.1, np.zeros(500))
    assert found.score
    assert found.drop == Interval(low=found.score.low - 0.1, high=found.score.high - 0.1)


def test_one_sample_has_no_interval_of_an_error(compared: Compare) -> None:
    found = compared(Metric(name="mae"), BAD[:1, 0], GOOD[:1, 0], np.zeros(1))
    assert (found.score, found.drop) == (None, None)
    assert found.why == "the test data has only one sample"


def test_samples_in_another_order_are_not_paired(compared: Compare) -> None:
    found = compared(Metric(), BAD, GOOD, data="other")
    assert (found.score, found.drop, found.flips) == (None, None, None)
    assert found.why == (
        "data.test returned other samples, or another order, for the baseline than for the model, "
        "so samples cannot be paired; return the same samples in the same order each time"
    )


def test_more_confidence_is_a_wider_interval(
    compared: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("mine")
    module.metric = lambda y_true, y_pred: float((y_true == y_pred.argmax(1)).mean())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    own = Metric(name="call", call="mine:metric")
    drops = []
    for confidence in (0.8, 0.99):
        found = compared(own, BAD, GOOD, confidence=confidence)
        assert found.drop
        drops.append(found.drop)
        for name in ("model", "baseline"):
            (tmp_path / name).rename(tmp_path / f"{name}{confidence}")
    assert drops[1].low < drops[0].low < drops[0].high < drops[1].high
    # What the bootstrap makes of right and wrong agrees with the interval made for them.
    right, before = np.equal(BAD.argmax(1), LABELS), np.equal(GOOD.argmax(1), LABELS)
    expected = tango(int((before & ~right).sum()), int((right & ~before).sum()), 500, 0.99)
    assert drops[1].low == pytest.approx(expected.low, abs=0.01)
    assert drops[1].high == pytest.approx(expected.high, abs=0.01)
