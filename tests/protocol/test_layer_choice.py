from pathlib import Path

from pytest_modelbudget.protocol.layer_choice import (
    NO_WEIGHTS,
    NOT_CHOSEN,
    SKIPPED,
    Selection,
    summary,
)

LEFT = Selection(
    taken=("dense",), left={"norm": "tfmot prunes no BatchNormalization", "flat": NO_WEIGHTS}
)


def test_a_selection_is_kept_in_a_folder(tmp_path: Path) -> None:
    assert Selection.read(tmp_path) is None
    LEFT.write(tmp_path)
    assert Selection.read(tmp_path) == LEFT


def test_what_was_to_be_expected_is_not_worth_a_word() -> None:
    assert LEFT.why_left() == "tfmot prunes no BatchNormalization (norm)"
    expected = {"flat": NO_WEIGHTS, "head": SKIPPED, "stem": NOT_CHOSEN}
    assert Selection(taken=("dense",), left=expected).why_left() == ""


def test_a_summary_is_short_however_many_layers_there_are() -> None:
    reasons = {f"conv_{i}": "frozen" for i in range(50)} | {f"dense_{i}": str(i) for i in range(50)}
    assert summary(reasons) == (
        "frozen (conv_0, conv_1, conv_2 and 47 more); 0 (dense_0); 1 (dense_1); 2 (dense_2); "
        "and 47 more"
    )
