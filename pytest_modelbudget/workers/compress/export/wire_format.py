"""Reads numbers, and the places of fields, in what protobuf has written."""

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def varint(content: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, seven bits a byte, and where the next one is.

    Raises:
        IndexError: If the content ends before.
    """
    number = shift = 0
    while True:
        byte = content[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def fields(content: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each field of text, bytes or a message, and where its content is.

    Args:
        content: A message that protobuf has parsed before.
        start: Where the message begins.
        stop: Where it ends.
    """
    at = start
    while at < stop:
        tag, at = varint(content, at)
        number, kind = divmod(tag, 8)
        if kind == _BYTES:
            length, at = varint(content, at)
            yield number, at, at + length
            at += length
        elif kind == _VARINT:
            _, at = varint(content, at)
        else:
            at += _FIXED[kind]
