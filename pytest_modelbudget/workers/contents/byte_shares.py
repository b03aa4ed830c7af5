"""What each part of some content takes of it, and of its gzip stream."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
    tiles = _tiles(size, ranges, rest)
    deflated = _deflated_sizes(pieces, [tile.stop - tile.start for tile in tiles])
    shares: dict[Owner, ByteShare] = {}
    for tile, gzip_bytes in zip(tiles, deflated, strict=True):
        share = ByteShare(tile.stop - tile.start, gzip_bytes)
        shares[tile.owner] = shares.get(tile.owner, NOTHING) + share
    return shares


def _tiles(size: int, ranges: Iterable[ByteRange], rest: Owner) -> list[ByteRange]:
    """Return ranges that cover ``size`` bytes in order, without overlap."""
    at = 0
    tiles = []
    for each in sorted(ranges, key=lambda found: (found.start, found.stop)):
        if each.start > at:
            tiles.append(ByteRange(at, each.start, rest))
        start = max(at, each.start)
        if each.stop > start:
            tiles.append(ByteRange(start, each.stop, each.owner))
        at = max(at, each.stop)
    return [*tiles, ByteRange(at, size, rest)]


def _deflated_sizes(content: Iterable[bytes], lengths: Iterable[int]) -> list[int]:
    """Return how many bytes of the gzip stream are read to inflate each of ``lengths`` bytes.

    The header of a block belongs to where the block begins. A repeated sequence that goes past an
    end belongs to where it begins.

    Args:
        content: The bytes that are deflated as one stream.
        lengths: They add up to those of ``content``.
    """
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WITH_GZIP_HEADER)
    inflate = zlib.decompressobj(_WITH_GZIP_HEADER)
    packed = b"".join([*map(deflate.compress, content), deflate.flush()])
    at = 0  # of the bytes of `packed` that were inflated
    waiting = b""
    sizes = []
    for length in lengths:
        before = at
        while length:
            waiting = waiting or packed[at : at + _CHUNK_BYTES]
            length -= len(inflate.decompress(waiting, length))
            at += len(waiting) - len(inflate.unconsumed_tail)
            waiting = inflate.unconsumed_tail
        sizes.append(at - before)
    sizes[-1] += len(packed) - at  # the checksum
    return sizes
