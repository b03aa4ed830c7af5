import gzip

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.workers.contents.byte_shares import ByteRange, ByteShare, byte_shares

PIECES = st.lists(st.binary(max_size=400) | st.builds(bytes, st.integers(0, 90_000)), max_size=4)
RANGES = st.lists(
    st.builds(
        lambda start, size, owner: ByteRange(start, start + size, owner),
        st.integers(0, 900),
        st.integers(0, 300),
        st.integers(0, 3),
    ),
    max_size=6,
)


def total(shares: dict[int | str, ByteShare]) -> tuple[int, int]:
    found = shares.values()
    return sum(each.size_bytes for each in found), sum(each.gzip_bytes for each in found)


@given(PIECES, RANGES)
def test_the_shares_add_up_to_the_content_and_to_its_gzip_size(
    pieces: list[bytes], ranges: list[ByteRange]
) -> None:
    content = b"".join(pieces)
    inside = [each for each in ranges if each.stop <= len(content)]
    found = dict(byte_shares(pieces, inside, "rest"))
    assert total(found) == (len(content), len(gzip.compress(content, 9, mtime=0)))
    for owner, share in found.items():
        owned = [each for each in inside if each.owner == owner]
        assert owner == "rest" or share.size_bytes <= sum(each.stop - each.start for each in owned)


def test_of_ranges_that_overlap_the_first_owns_the_bytes() -> None:
    ranges = [ByteRange(2, 6, "late"), ByteRange(0, 4, "early"), ByteRange(3, 5, "last")]
    found = byte_shares([bytes(8)], ranges, "rest")
    assert {owner: share.size_bytes for owner, share in found.items()} == {
        "early": 4,
        "late": 2,
        "rest": 2,
    }


def test_repeated_bytes_cost_less_than_new_ones() -> None:
    first = bytes(range(256)) * 4
    ranges = [ByteRange(0, 256, "new"), ByteRange(256, 1024, "again")]
    found = byte_shares([first], ranges, "rest")
    assert found["new"].gzip_bytes > 250
    assert found["again"].gzip_bytes < 20
