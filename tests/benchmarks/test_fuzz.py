"""A few mutants of each kind; ``python -m benchmarks.fuzz`` runs many. The models are in
``tests/workers/tflite/test_integrity.py``.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.answers import Answers
from benchmarks.fuzz.budgets import Budgets
from benchmarks.fuzz.cases import Tally
from benchmarks.fuzz.stored import Stored

KINDS: dict[str, type[Budgets] | type[Answers] | type[Stored]] = {
    "budgets": Budgets,
    "answers": Answers,
    "stored": Stored,
}
Fuzzed = Budgets | Answers | Stored


@pytest.fixture(scope="module", params=KINDS)
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fuzzed:
    return KINDS[request.param](tmp_path_factory.mktemp(request.param), seed=1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.integers(0, 2**32))
def test_a_mutant_ends_in_no_traceback(fuzzed: Fuzzed, case: int) -> None:
    fuzzed.tally = Tally()
    fuzzed.run(case)
    assert fuzzed.tally.failures == {}


def test_what_mutants_are_made_from_is_a_case_itself(fuzzed: Fuzzed) -> None:
    fuzzed.tally = Tally()
    for case, seed in enumerate(fuzzed.seeds()[:20]):
        fuzzed.run_content(case, seed)
    assert fuzzed.tally.failures == {}
    assert {"loaded", "accepted", "served"} & fuzzed.tally.counts.keys()


def run_forever() -> str:
    while True:
        pass


def test_a_traceback_and_a_hang_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.fuzz import cases

    monkeypatch.setattr(cases, "HANG_S", 0.01)
    tally = Tally()
    cases.attempt(tally, 3, lambda: str(1 // 0), KeyError)
    cases.attempt(tally, 4, run_forever, KeyError)
    assert (tally.counts["traceback"], tally.counts["hang"]) == (1, 1)
    tally.print("cases")
    assert (
        "| cases | traceback | hang |\n| --- | --- | --- |\n|  | 1 | 1 |" in capsys.readouterr().out
    )
