"""Where the bytes of a SavedModel or a ``.keras`` file are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

from pytest_modelbudget.judge.results import Part
from pytest_modelbudget.protocol.digests import files_below
from pytest_modelbudget.workers.compress.export.saved_model_writer import GRAPH

OPTIMIZER, UNREAD = "optimizer variables", "variables that no signature reads"
FUNCTIONS, ASSETS, DEBUG = "graph functions", "assets", "debug information"
METADATA = "fingerprint and metadata"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def saved_model_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts of a SavedModel; their bytes add up to those of all of its files.

    Args:
        folder: A SavedModel that ``write_saved_model`` wrote.
    """
    sizes = Counter(_variables(folder))
    saved = saved_model_pb2.SavedModel.FromString((folder / GRAPH).read_bytes())
    sizes[FUNCTIONS] = sum(graph.graph_def.ByteSize() for graph in saved.meta_graphs)
    files = [(file.relative_to(folder).parts[0], file) for file in files_below(folder)]
    folders = {"assets": ASSETS, "assets.extra": ASSETS, "debug": DEBUG}
    for first, file in files:
        if first in folders:
            sizes[folders[first]] += file.stat().st_size
    whole = sum(file.stat().st_size for _, file in files)
    sizes[METADATA] = whole - sizes.total()
    return tuple(Part(name=name, size_bytes=size) for name, size in sizes.items() if size)


def _variables(folder: Path) -> dict[str, int]:
    """Return the bytes of the variables by kind, such as ``kernel variables``."""
    path = str(folder / "variables" / "variables")
    if not tf.io.gfile.glob(f"{path}.index"):
        return {}
    reader = tf.train.load_checkpoint(path)
    dtypes, shapes = reader.get_variable_to_dtype_map(), reader.get_variable_to_shape_map()
    kinds = _kinds(folder, reader.get_tensor(_OBJECT_GRAPH))
    sizes: Counter[str] = Counter()
    for key, dtype in dtypes.items():
        if dtype == tf.string:  # the object graph, and tables with text
            continue
        count = tf.TensorShape(shapes[key]).num_elements() or 0
        sizes[kinds.get(key, _kind_of_key(key))] += count * dtype.size
    return sizes


def _kinds(folder: Path, object_graph: bytes) -> Mapping[str, str]:
    """Return the kinds of the variables that signatures read, by their keys in the checkpoint."""
    saved = saved_model_pb2.SavedModel.FromString((folder / GRAPH).read_bytes())
    graph = saved.meta_graphs[0].object_graph_def
    # The checkpoint and the SavedModel have the same objects in the same order.
    stored = trackable_object_graph_pb2.TrackableObjectGraph.FromString(object_graph).nodes
    kinds = {}
    for number in set(_nodes_read(graph)):
        if graph.nodes[number].WhichOneof("kind") == "variable":
            name = graph.nodes[number].variable.name.rpartition("/")[2].partition(":")[0]
            for attribute in stored[number].attributes:
                kinds[attribute.checkpoint_key] = f"{name or 'other'} variables"
    return kinds


def _nodes_read(graph: Any) -> Iterator[int]:
    """Yield the numbers of the objects that the signatures read."""
    for child in graph.nodes[0].children:
        if child.local_name == "signatures":
            for signature in graph.nodes[child.node_id].children:
                node = graph.nodes[signature.node_id]
                names = [node.bare_concrete_function.concrete_function_name]
                for name in names if names[0] else node.function.concrete_functions:
                    yield from graph.concrete_functions[name].bound_inputs


def _kind_of_key(key: str) -> str:
    is_slot = ".OPTIMIZER_SLOT" in key or key.startswith(("optimizer/", "_optimizer/"))
    return OPTIMIZER if is_slot else UNREAD
