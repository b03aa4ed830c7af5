import pytest

from pytest_modelbudget.units.invalid import shortened, shown


@pytest.mark.parametrize(
    ("text", "on_one_line"),
    [
        ("häuser", "häuser"),
        ("a\nb\t", r"a\nb\t"),
        ("\ud800", r"\ud800"),
        ("a" * 60, "a" * 60),
        ("a" * 61, "a" * 57 + "..."),
    ],
)
def test_a_name_in_a_message_is_on_one_line(text: str, on_one_line: str) -> None:
    assert shortened(text) == on_one_line
    assert shown(text) == f"'{on_one_line}'"
