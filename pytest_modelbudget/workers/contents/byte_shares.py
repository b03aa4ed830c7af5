"""What each part of some content takes of it, and of its gzip stream."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Owner = int | str
"""What bytes belong to: the number of a tensor or buffer, or the name of something else."""

_LEVEL, _WITH_GZIP_HEADER = 9, 31
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class ByteRange:
    """The bytes from ``start`` to before ``stop``, and what they belong to."""

    start: int
    stop: int
    owner: Owner


@dataclass(frozen=True)
class ByteShare:
    """What something takes of a content as it is, and of the same content deflated at level 9."""

    size_bytes: int
    gzip_bytes: int

    def __add__(self, other: "ByteShare") -> "ByteShare":
        return ByteShare(self.size_bytes + other.size_bytes, self.gzip_bytes + other.gzip_bytes)


NOTHING = ByteShare(0, 0)


def byte_shares(
    content: Iterable[bytes], ranges: Iterable[ByteRange], rest: Owner
) -> Mapping[Owner, ByteShare]:
    """Return what each owner takes; the sums are those of the whole content.

    Of ranges that overlap, the one that starts first owns the bytes.

    Args:
        content: In pieces of any size.
        ranges: In any order.
        rest: Owns the bytes in no range.
    """
    pieces = list(content)
    size = sum(map(len, pieces))
    parts = tiles(size, ranges, rest)
    deflated = _deflated_sizes(pieces, [each.stop - each.start for each in parts])
    shares: dict[Owner, ByteShare] = {}
    for each, gzip_bytes in zip(parts, deflated, strict=True):
        share = ByteShare(each.stop - each.start, gzip_bytes)
        shares[each.owner] = shares.get(each.owner, NOTHING) + share
    return shares


def tiles(size: int, ranges: Iterable[ByteRange], rest: Owner) -> list[ByteRange]:
    """Return ranges that cover ``size`` bytes in order, without overlap; as ``byte_shares``."""
    at = 0
    found = []
    for each in sorted(ranges, key=lambda one: (one.start, one.stop)):
        if each.start > at:
            found.append(ByteRange(at, each.start, rest))
        start = max(at, each.start)
        if each.stop > start:
            found.append(ByteRange(start, each.stop, each.owner))
        at = max(at, each.stop)
    return [*found, ByteRange(at, size, rest)]


def _deflated_sizes(content: Iterable[bytes], lengths: Sequence[int]) -> list[int]:
    """Return how many bytes of the gzip stream of ``content`` each of ``lengths`` bytes takes."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WITH_GZIP_HEADER)
    packed = b"".join([*map(deflate.compress, content), deflate.flush()])
    ends = inflated_at(packed, _WITH_GZIP_HEADER, lengths)
    ends[-1] = len(packed)  # with the checksum
    return [end - start for start, end in pairwise([0, *ends])]


def inflated_at(packed: bytes, wbits: int, lengths: Sequence[int]) -> list[int]:
    """Return how many bytes of a deflated stream are read when each part of it is inflated.

    The header of a block belongs to the part in which the block begins. A repeated sequence that
    goes past the end of a part belongs to the part in which it begins.

    Args:
        packed: The stream.
        wbits: Its format, as ``zlib`` has it.
        lengths: Of the parts, inflated and in order.

    Raises:
        zlib.error: If the stream is damaged or too short.
    """
    inflate = zlib.decompressobj(wbits)
    at = 0
    waiting = b""
    ends = []
    for length in lengths:
        while length:
            waiting = waiting or packed[at : at + _CHUNK_BYTES]
            inflated = inflate.decompress(waiting, length)
            if not inflated and not waiting:
                raise zlib.error("the stream is too short")
            length -= len(inflated)
            at += len(waiting) - len(inflate.unconsumed_tail)
            waiting = inflate.unconsumed_tail
        ends.append(at)
    return ends
