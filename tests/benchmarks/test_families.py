"""The table of docs/models.md is that of the committed outcomes."""

from pathlib import Path

from benchmarks.families.__main__ import read, support

ROOT = Path(__file__).parents[2]


def test_the_support_table_has_the_outcomes() -> None:
    outcomes = read(ROOT / "benchmarks" / "families" / "outcomes.jsonl")
    assert outcomes
    text = (ROOT / "docs" / "models.md").read_text()
    head, rows = support(outcomes)
    for cells in [head, *rows]:
        assert f"| {' | '.join(cells)} |\n" in text
