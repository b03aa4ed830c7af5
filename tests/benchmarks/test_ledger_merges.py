"""A few pairs; ``python -m benchmarks.ledger_merges`` merges 1,000."""

from benchmarks.ledger_merges import outcomes_of


def test_updates_of_different_variants_merge_to_what_both_give() -> None:
    outcomes = outcomes_of(12, seed=3)
    different = [outcome for kind, outcome in outcomes if kind == "different variants"]
    assert len(different) > 6
    assert set(different) == {"merged"}
    assert not {outcome for _, outcome in outcomes} & {"invalid", "wrong"}
