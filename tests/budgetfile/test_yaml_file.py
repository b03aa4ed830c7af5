from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.errors import BudgetFileError
from tests.budgetfile.conftest import Load, Problems

BOMB = "\n".join(
    ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
)
MERGE_BOMB = "\n".join(
    ["a0: &a0 {x: 1}"]
    + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10)]
)
TOO_DEEP = "nested more than 50 levels deep; split it into several budget files"
EXPANDED = (
    "more than 10,000 keys and values once aliases are expanded; "
    "write fewer aliases, or several files"
)
CYCLE = (
    "nested more than 50 levels deep once aliases are expanded; an alias must not contain itself"
)

HOSTILE = [
    ("", "1:1: the file is empty; begin with version: 1"),
    ("# only a comment\n", "1:1: the file is empty; begin with version: 1"),
    ("- a\n", "1:1: a budget file is a mapping of keys, got a list of 1; begin with version: 1"),
    ("int8\n", "1:1: a budget file is a mapping of keys, got 'int8'; begin with version: 1"),
    (
        "version: 1\n---\nversion: 1\n",
        "2:1: a second YAML document begins; write one document a file",
    ),
    (
        "version: 1\nbudget:\n\tmax_bytes: 1\n",
        "3:1: not YAML: found character that cannot start any token; "
        "indent with spaces, not with tabs",
    ),
    (
        "version: 1\nbudget:\n  max_bytes: 1\n  \tmax_macs: 2\n",
        "4:3: not YAML: found a tab character that violates indentation; "
        "indent with spaces, not with tabs",
    ),
    (
        "version: 1\nmodel: a:\tb\n",
        "2:9: not YAML: mapping values are not allowed in this context; "
        "indent keys alike, and put text that contains ': ' in quotes",
    ),
    (
        "version: 1\nmodel: a: b\n",
        "2:9: not YAML: mapping values are not allowed in this context; "
        "indent keys alike, and put text that contains ': ' in quotes",
    ),
    (
        "version: 1\nbudget:\n  max_bytes: 1\n\tmax_macs: 1\n",
        "4:1: not YAML: found a tab character that violates indentation; "
        "indent with spaces, not with tabs",
    ),
    ("version: [1\n", "2:1: not YAML: did not find expected ',' or ']'"),
    ("version: *nowhere\n", "1:10: not YAML: found undefined alias"),
    ("a: b\0c\n", "1:5: the character U+0000 is not allowed in YAML; remove it"),
    ("a: b\nc: d\n e\0\n", "3:3: the character U+0000 is not allowed in YAML; remove it"),
    (b"a: \xff\n", "1:1: the file is not UTF-8: byte 3 is wrong; save it as UTF-8"),
    ("a: 1\n".encode("utf-16"), "1:1: the file is not UTF-8: byte 0 is wrong; save it as UTF-8"),
    (
        " " * (2**20 + 1),
        "1:1: the file has 1,048,577 bytes; a budget file has at most 1,048,576 bytes",
    ),
    (
        "[" * 10_000_000,
        "1:1: the file has 10,000,000 bytes; a budget file has at most 1,048,576 bytes",
    ),
    ("[" * 900, f"1:51: {TOO_DEEP}"),
    ("- " * 2**19, f"1:101: {TOO_DEEP}"),
    ("[" * 45 + "[], " * 10 + "[" * 10, f"1:91: {TOO_DEEP}"),
    (
        "x: {" + "a," * 2**18 + "}",
        "1:4: more than 10,000 keys and values; split it into several budget files",
    ),
    (BOMB, f"1:10: {EXPANDED}"),
    (MERGE_BOMB, f"1:5: {EXPANDED}"),
    ("a: &a {x: 1}\nb: 1\nc: [" + "*a, " * 4000 + "]", f"1:8: {EXPANDED}"),
    ("version: 1\nx: &x [*x]\n", f"2:4: {CYCLE}"),
    ("version: 1\nx: &x {<<: *x}\n", f"2:4: {CYCLE}"),
    ("version: 1\nx: &x {<<: [*x]}\n", f"2:4: {CYCLE}"),
]


@pytest.mark.parametrize(("text", "problem"), HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_a_budget_file_has_one_problem(
    problems: Problems, text: str | bytes, problem: str
) -> None:
    assert problems(text) == [problem]


def test_a_million_brackets_are_nested_too_deeply(problems: Problems) -> None:
    [problem] = problems("[" * 2**20)
    assert problem.endswith(f": {TOO_DEEP}")  # newer versions of libyaml stop after 1,000


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(BudgetFileError) as caught:
        load(tmp_path / "none.budget.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/none.budget.yaml:1:1: the file cannot be read: No such file or directory"
    )
    with pytest.raises(BudgetFileError, match="the file cannot be read: Is a directory"):
        load(tmp_path)


def test_thousands_of_values_are_fine(load_text: Load) -> None:
    names = [f"module_{number}" for number in range(9_000)]
    text = f"version: 1\nmodel: a:b\nbudget: {{max_bytes: 5}}\nimports: [{', '.join(names)}]\n"
    [budget] = load_text(text)
    assert budget.imports == tuple(names)


def test_byte_order_mark_and_windows_line_ends_are_fine(load_text: Load) -> None:
    [budget] = load_text(b"\xef\xbb\xbfversion: 1\r\nmodel: a:b\r\nbudget:\r\n  max_bytes: 5\r\n")
    assert str(budget.limits[0].span).endswith(":4:3")
