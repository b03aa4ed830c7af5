"""The most bytes of activations that are live at once: a lower bound for any memory plan."""

from collections.abc import Mapping, Sequence

from ai_edge_litert.tools.flatbuffer_utils import ModelT, SubGraphT

from pytest_modelbudget.workers.tflite.tflite_file import operator_name

# LiteRT places an output in the memory of an input (``inplace_operator`` in ``tflite/kernels``):
# always if the data are unchanged, else if no later operator reads that input.
_PASS_ON = {"BITCAST", "EXPAND_DIMS", "RESHAPE", "SQUEEZE"}
_OVERWRITE = {"ADD", "DIV", "DYNAMIC_UPDATE_SLICE", "MUL", "SOFTMAX", "SUB"}
Lifetimes = dict[int, tuple[int, int]]


def live_at_once(model: ModelT, sizes: Mapping[int, int]) -> int:
    """Return the most bytes of activations that the primary subgraph needs at once.

    Its inputs and outputs are never overwritten, other tensors are after their last use.

    Args:
        model: The flatbuffer; its operators run in order.
        sizes: The bytes of each tensor that needs memory, by its index.
    """
    graph = model.subgraphs[0]
    names = [operator_name(model, operator) for operator in graph.operators]
    origins = _origins(graph, names)
    lifetimes = _lifetimes(graph, origins)
    most = _live(len(names), lifetimes, sizes)
    for position, (name, operator) in enumerate(zip(names, graph.operators, strict=True)):
        needed = _live(position, lifetimes, sizes)
        if name in _OVERWRITE:
            inputs = [origins[index] for index in operator.inputs if index >= 0]
            ending = [sizes.get(index) for index in inputs if lifetimes[index][1] == position]
            size = sizes.get(operator.outputs[0], 0)
            needed -= size if size in ending else 0
        most = max(most, needed)
    return most


def _live(position: int, lifetimes: Lifetimes, sizes: Mapping[int, int]) -> int:
    alive = (index for index, (born, dies) in lifetimes.items() if born <= position <= dies)
    return sum(sizes.get(index, 0) for index in alive)


def _origins(graph: SubGraphT, names: Sequence[str]) -> dict[int, int]:
    """Return for each tensor the tensor whose memory it shares, or itself."""
    origins = {index: index for index in range(len(graph.tensors))}
    for name, operator in zip(names, graph.operators, strict=True):
        if name in _PASS_ON:
            origins[operator.outputs[0]] = origins[operator.inputs[0]]
    return origins


def _lifetimes(graph: SubGraphT, origins: Mapping[int, int]) -> Lifetimes:
    """Return the positions of the first and the last operator that needs each tensor."""
    end = len(graph.operators)
    lifetimes: Lifetimes = {int(index): (0, end) for index in graph.inputs}
    for position, operator in enumerate(graph.operators):
        for index in (*operator.inputs, *operator.outputs):
            if index >= 0:  # -1 is an optional input that is left out
                born, dies = lifetimes.get(origins[index], (position, position))
                lifetimes[origins[index]] = born, max(dies, position)
    for index in graph.outputs:
        born, _ = lifetimes.get(origins[index], (0, end))
        lifetimes[origins[index]] = born, end
    return lifetimes
