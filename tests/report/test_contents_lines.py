from pytest_modelbudget.judge.contents_diff import diff
from pytest_modelbudget.report.contents_lines import grown, largest
from tests.report.test_contents_table import SMALL, contents, tensor

LARGE = contents([tensor(f"m/{n}", 1000 * n, 2000 - n) for n in (4, 3, 2, 1)], graph=(2_500, 10))


def test_the_three_largest_tensors_and_what_is_larger_than_one_of_them() -> None:
    assert largest(LARGE, deflated=False) == [
        "4,000 B (32.0 %)  m/4",
        "3,000 B (24.0 %)  m/3",
        "2,500 B (20.0 %)  graph",
        "2,000 B (16.0 %)  m/2",
    ]
    assert largest(LARGE, deflated=True) == [
        "1,999 B (25.0 %)  m/1",
        "1,998 B (25.0 %)  m/2",
        "1,997 B (25.0 %)  m/3",
    ]


def test_what_is_not_a_tensor_takes_the_place_of_missing_tensors() -> None:
    few = contents([tensor("m/1", 64, 9)], graph=(30, 5), names=(6, 2))
    assert largest(few, deflated=False) == [
        "64 B (64.0 %)  m/1",
        "30 B (30.0 %)  graph",
        "  6 B (6.0 %)  names",
    ]
    assert largest(contents([]), deflated=False) == []


def test_the_three_tensors_that_grew_most() -> None:
    new = contents(
        [*(tensor(f"m/{n}", 1000 * n + 64 * n, 1) for n in (4, 3, 2, 1)), tensor("m/new", 200, 9)],
        graph=(2_600, 10),
    )
    assert grown(diff(LARGE, new), deflated=False) == [
        "+256 B  m/4",
        "+200 B  m/new (appeared)",
        "+192 B  m/3",
    ]
    assert grown(diff(LARGE, new), deflated=True) == ["+9 B  m/new (appeared)"]
    assert grown(diff(SMALL, SMALL), deflated=False) == []


def test_a_long_name_loses_its_middle() -> None:
    [line, *_others] = largest(contents([tensor("m/" + 90 * "x" + "/y", 64, 9)]), deflated=False)
    assert line == f"64 B (100.0 %)  m/{22 * 'x'}\u2026{23 * 'x'}/y"
