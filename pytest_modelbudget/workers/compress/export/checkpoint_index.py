"""Reads where in the files of a checkpoint the values of each variable are.

TensorFlow's own reader returns the values, and not their places. The index is a table of
LevelDB's format, written without compression:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/tensor_bundle/tensor_bundle.h
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import tensor_bundle_pb2

from pytest_modelbudget.workers.compress.export.wire_format import varint

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES, _COUNT_BYTES = 48, 4


@dataclass(frozen=True)
class CheckpointEntry:
    """The values of one variable in a checkpoint.

    Attributes:
        key: Its name in the checkpoint.
        dtype: Of TensorFlow.
        shape: Of the variable.
        file: The name of the file with its values.
        start: Where in the file they begin.
        size_bytes: What they take.
    """

    key: str
    dtype: tf.DType
    shape: tuple[int, ...]
    file: str
    start: int
    size_bytes: int


def read_checkpoint_index(index: Path) -> Iterator[CheckpointEntry]:
    """Yield the entries of a checkpoint.

    Args:
        index: The file ``variables.index``.

    Raises:
        ValueError: If the file is damaged.
    """
    content = index.read_bytes()
    if content[-len(_MAGIC) :] != _MAGIC:
        raise ValueError(f"{index.name} does not end as an index does")
    footer = content[-_FOOTER_BYTES:]
    _, at = _handle(footer, 0)  # of the block of filters
    try:
        entries = {
            key: value
            for _, handle in _block(content, *_handle(footer, at)[0])
            for key, value in _block(content, *_handle(handle, 0)[0])
        }
        shards = tensor_bundle_pb2.BundleHeaderProto.FromString(entries.pop(b"")).num_shards
        for key, value in entries.items():
            entry = tensor_bundle_pb2.BundleEntryProto.FromString(value)
            yield CheckpointEntry(
                key=key.decode(errors="replace"),
                dtype=tf.as_dtype(entry.dtype),
                shape=tuple(axis.size for axis in entry.shape.dim),
                file=f"{index.stem}.data-{entry.shard_id:05}-of-{shards:05}",
                start=entry.offset,
                size_bytes=entry.size,
            )
    except (IndexError, KeyError, TypeError, DecodeError) as error:
        raise ValueError(f"{index.name} cannot be read: {error}") from error


def _block(content: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; each key shares its beginning with the one before."""
    block = content[start : start + size]
    restarts = int.from_bytes(block[-_COUNT_BYTES:], "little")
    end = len(block) - (1 + restarts) * _COUNT_BYTES
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        added, at = varint(block, at)
        length, at = varint(block, at)
        key = key[:shared] + block[at : at + added]
        yield key, block[at + added : at + added + length]
        at += added + length


def _handle(content: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Return where a block begins and its size, and where the next handle is."""
    start, at = varint(content, at)
    size, at = varint(content, at)
    return (start, size), at
