from dataclasses import replace

import pytest

from benchmarks.reports import record
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.judge.contents_diff import ContentsSince, diff
from pytest_modelbudget.report.reasons import by_tensor
from pytest_modelbudget.report.row import Row
from tests.report.rows import sized

GROWN = replace(sized(1900, 1000), figure="bytes", value=1900, accepted=1500)


@pytest.fixture(scope="module")
def contents() -> Contents:
    [details] = record(1).details.values()
    assert details.contents
    return details.contents


def shown(row: Row) -> list[list[str]]:
    return [line.split() for line in row.why.splitlines()]


def test_the_tensor_that_grew_most_is_named_for_a_size_only(contents: Contents) -> None:
    first, *others = contents.tensors
    smaller = first.model_copy(update={"size_bytes": first.size_bytes - 300})
    tensors = (smaller, *others)
    size_bytes = contents.size_bytes - 300
    old = contents.model_copy(update={"tensors": tensors, "size_bytes": size_bytes})
    since = ContentsSince(contents, diff(old, contents))
    named = by_tensor(GROWN, since)
    assert named.grew_most.startswith("+300 B model/block_0/")
    assert shown(named)[1][:4] == ["grew", "most", "+300", "B"]
    assert by_tensor(replace(GROWN, figure="macs"), since).grew_most == ""


def test_a_failure_says_why_it_is_not_known_what_grew(contents: Contents) -> None:
    why = "the accepted artifact is not in the cache"
    row = by_tensor(GROWN, ContentsSince(contents, None, why))
    assert row.grew_most == "not known"
    accepted, grew, largest, *_ = row.why.splitlines()
    assert accepted.split() == ["accepted", "1,500", "B:", "400", "B", "more", "now"]
    assert grew.endswith(f"grew most   not known: {why}")
    assert largest.split()[0] == "largest"


def test_without_an_accepted_artifact_the_largest_tensors_are_named(contents: Contents) -> None:
    row = by_tensor(replace(GROWN, accepted=None), ContentsSince(contents, None))
    assert row.grew_most == ""
    assert shown(row)[0][0] == "largest"
