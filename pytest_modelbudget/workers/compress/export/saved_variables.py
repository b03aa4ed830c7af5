"""The variables of a SavedModel: where their values are, and what reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH
from pytest_modelbudget.workers.compress.export.checkpoint_index import (
    CheckpointEntry,
    read_checkpoint_index,
)
from pytest_modelbudget.workers.compress.export.wire_format import varint

VARIABLES = "variables"
_INDEX = "variables.index"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_CHECKSUM_BYTES = 4  # after the length of a text

VariableReader = Literal["signature", "optimizer", "nothing"]


@dataclass(frozen=True)
class SavedVariable:
    """A variable of a SavedModel.

    Attributes:
        name: Such as ``dense/kernel``; its key in the checkpoint if the SavedModel has no name.
        reader: What reads it: a signature, else the optimizer, else nothing.
        stored: Where its values are.
    """

    name: str
    reader: VariableReader
    stored: CheckpointEntry


def saved_variables(folder: Path) -> list[SavedVariable]:
    """Return the variables of a SavedModel; tables with text are not among them.

    Raises:
        JobError: If the SavedModel is damaged.
    """
    try:
        return list(_variables(folder))
    except (DecodeError, OSError, ValueError, IndexError) as error:
        raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception) -> JobError:
    """Return the error of a SavedModel that cannot be read."""
    return JobError(f"{folder} is a damaged SavedModel: {error}", "copy it or export it again")


def _variables(folder: Path) -> Iterator[SavedVariable]:
    index = folder / VARIABLES / _INDEX
    if not index.exists():
        return
    entries = {entry.key: entry for entry in read_checkpoint_index(index)}
    for entry in entries.values():
        if (index.with_name(entry.file)).stat().st_size < entry.start + entry.size_bytes:
            raise ValueError(f"{entry.file} is too short")
    objects = entries.get(_OBJECT_GRAPH)
    names, read = _objects(folder, _text(index.parent, objects)) if objects else ({}, set())
    for key, entry in entries.items():
        if entry.dtype != tf.string:  # the object graph, and tables with text
            reader: VariableReader = "signature" if key in read else _reader_by_key(key)
            yield SavedVariable(names.get(key, key), reader, entry)


def _text(folder: Path, entry: CheckpointEntry) -> bytes:
    """Return a single text of a checkpoint: its length, a checksum and its bytes."""
    content = (folder / entry.file).read_bytes()[entry.start : entry.start + entry.size_bytes]
    length, at = varint(content, 0)
    return content[at + _CHECKSUM_BYTES :][:length]


def _objects(folder: Path, object_graph: bytes) -> tuple[dict[str, str], set[str]]:
    """Return the names of variables by their keys, and the keys of those a signature reads."""
    saved = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL_GRAPH).read_bytes())
    graph = saved.meta_graphs[0].object_graph_def
    # The checkpoint and the SavedModel have the same objects in the same order.
    stored = trackable_object_graph_pb2.TrackableObjectGraph.FromString(object_graph).nodes
    names: dict[str, str] = {}
    read: set[str] = set()
    numbers_read = set(_nodes_read(graph))
    for number, (node, entry) in enumerate(zip(graph.nodes, stored, strict=False)):
        if node.WhichOneof("kind") == "variable":
            keys = [attribute.checkpoint_key for attribute in entry.attributes]
            names |= dict.fromkeys(keys, node.variable.name.partition(":")[0])
            read |= set(keys) if number in numbers_read else set()
    return names, read


def _nodes_read(graph: Any) -> Iterator[int]:
    """Yield the numbers of the objects that the signatures read."""
    for child in graph.nodes[0].children:
        if child.local_name == "signatures":
            for signature in graph.nodes[child.node_id].children:
                node = graph.nodes[signature.node_id]
                names = [node.bare_concrete_function.concrete_function_name]
                for name in names if names[0] else node.function.concrete_functions:
                    yield from graph.concrete_functions[name].bound_inputs


def _reader_by_key(key: str) -> VariableReader:
    is_slot = ".OPTIMIZER_SLOT" in key or key.startswith(("optimizer/", "_optimizer/"))
    return "optimizer" if is_slot else "nothing"
