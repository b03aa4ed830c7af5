"""Removes what no operator reads any more after a flatbuffer was changed."""

from ai_edge_litert.tools.flatbuffer_utils import ModelT


def remove_unused_tensors(index: int, model: ModelT) -> None:
    """Remove the unused tensors of subgraph ``index``, and number the others again."""
    graph = model.subgraphs[index]
    signatures = [each for each in model.signatureDefs or () if each.subgraphIndex == index]
    ends = [end for signature in signatures for end in (*signature.inputs, *signature.outputs)]
    used = {*graph.inputs, *graph.outputs, *(end.tensorIndex for end in ends)}
    for operator in graph.operators:
        used.update(operator.inputs, operator.outputs, operator.intermediates or ())
    kept = sorted(used - {-1})
    renumbered = {-1: -1} | {old: new for new, old in enumerate(kept)}
    graph.tensors = [graph.tensors[old] for old in kept]
    for holder in (graph, *graph.operators):
        for role in ("inputs", "outputs", "intermediates"):
            if getattr(holder, role, None) is not None:
                setattr(holder, role, [renumbered[old] for old in getattr(holder, role)])
    for end in ends:
        end.tensorIndex = renumbered[end.tensorIndex]
