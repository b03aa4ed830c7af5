"""The digests of samples: the same whatever the batches are, for numbers and for text."""

from collections.abc import Iterator

import numpy as np
import pytest

from pytest_modelbudget.workers.measure.accuracy.sample_digest import SampleDigest
from pytest_modelbudget.workers.userdata.batches import to_batch
from pytest_modelbudget.workers.userdata.datasets import Array, Batch

NUMBERS = np.arange(6.0).reshape(6, 1)
WORDS = np.array([["a"], ["long word"], ["b"], ["ccc"], ["a"], ["d"]])
LABELS = np.arange(6)


def digests(x: Array, size: int) -> tuple[str, str]:
    def batches() -> Iterator[Batch]:
        for start in range(0, len(x), size):
            # A list, so that the text of each batch has a dtype of its own.
            rows = slice(start, start + size)
            yield to_batch((x[rows].tolist(), LABELS[rows]))

    digest = SampleDigest()
    list(digest.reading(batches()))
    return digest.in_order(), digest.in_any_order()


@pytest.mark.parametrize("x", [NUMBERS, WORDS], ids=["numbers", "words"])
def test_the_digests_do_not_depend_on_the_batches(x: Array) -> None:
    assert digests(x, 2) == digests(x, 6)


@pytest.mark.parametrize("x", [NUMBERS, WORDS], ids=["numbers", "words"])
def test_another_sample_has_other_digests(x: Array) -> None:
    changed = x.copy()
    changed[2] = x[3]
    ordered, any_order = digests(changed, 6)
    assert ordered != digests(x, 6)[0]
    assert any_order != digests(x, 6)[1]


def test_words_that_join_to_the_same_text_differ() -> None:
    one, other = np.array([["ab", "c"]]), np.array([["a", "bc"]])
    assert digests(one, 1) != digests(other, 1)
