from pathlib import Path

from pytest_modelbudget.protocol.layer_choice import (
    IN_SKIP,
    NO_WEIGHTS,
    NOT_IN_ONLY,
    LayerChoice,
    summary,
)

CHOICE = LayerChoice(chosen=("dense",), skipped={"norm": "too small", "flat": NO_WEIGHTS})


def test_a_choice_is_written_to_a_folder_and_read_again(tmp_path: Path) -> None:
    assert LayerChoice.read(tmp_path) is None
    CHOICE.write(tmp_path)
    assert LayerChoice.read(tmp_path) == CHOICE


def test_only_unexpected_reasons_are_reported() -> None:
    assert CHOICE.why_skipped() == "too small (norm)"
    expected = {"flat": NO_WEIGHTS, "head": IN_SKIP, "stem": NOT_IN_ONLY}
    assert LayerChoice(chosen=("dense",), skipped=expected).why_skipped() == ""


def test_a_summary_is_short_however_many_layers_there_are() -> None:
    reasons = {f"conv_{i}": "frozen" for i in range(50)} | {f"dense_{i}": str(i) for i in range(50)}
    assert summary(reasons) == (
        "frozen (conv_0, conv_1, conv_2 and 47 more); 0 (dense_0); 1 (dense_1); 2 (dense_2); "
        "and 47 more"
    )


def test_a_summary_names_three_layers_and_counts_more() -> None:
    assert summary(dict.fromkeys("abc", "frozen")) == "frozen (a, b, c)"
    assert summary(dict.fromkeys("abcd", "frozen")) == "frozen (a, b, c and 1 more)"
