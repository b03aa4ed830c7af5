"""The names, shapes and types of the inputs and outputs of a ``.tflite``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai_edge_litert.tools.flatbuffer_utils import ModelT, SubGraphT, schema_fb

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.tflite.tflite_file import operators, pack, parse


@dataclass(frozen=True)
class Signature:
    """What ``invoke`` takes and returns.

    Attributes:
        key: The key of the signature; empty if the model has none.
        inputs: By their names in the signature, or by tensor names if there is none. An input
            without any name is ``input_0``, ``input_1`` and so on, by its position.
        outputs: Likewise.
    """

    key: str
    inputs: dict[str, TensorDetails]
    outputs: dict[str, TensorDetails]

    @classmethod
    def of(cls, litert: Any) -> "Signature":
        """Return the signature of the primary subgraph, which is the one that ``invoke`` runs.

        The names tell inputs and outputs apart: the order of ``get_output_details()`` is not that
        of the Keras model (https://github.com/tensorflow/tensorflow/issues/33303).

        Args:
            litert: An interpreter of LiteRT.
        """
        inputs, outputs = litert.get_input_details(), litert.get_output_details()
        for key in filter(None, litert.get_signature_list()):  # LiteRT takes no empty key
            runner = litert.get_signature_runner(key)
            taken, returned = runner.get_input_details(), runner.get_output_details()
            # By name and index: stripped tensors have no names.
            if (_places(taken.values()), _places(returned.values())) == (
                _places(inputs),
                _places(outputs),
            ):
                return cls(key, _tensors(taken), _tensors(returned))
        return cls("", _tensors(_named("input", inputs)), _tensors(_named("output", outputs)))


def _places(tensors: Iterable[Mapping[str, Any]]) -> set[tuple[str, int]]:
    return {(details["name"], details["index"]) for details in tensors}


def _named(kind: str, tensors: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {
        details["name"] or f"{kind}_{position}": details for position, details in enumerate(tensors)
    }


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorDetails]:
    return {name: TensorDetails.of(name, each) for name, each in details.items()}


def choose(wanted: str, found: Sequence[str], name: str) -> str:
    """Return the key of the signature to gate.

    Args:
        wanted: What the budget file names; empty for the only one.
        found: The keys of all signatures.
        name: Names the model in the error.

    Raises:
        JobError: if there is no such signature, or if none of several is named.
    """
    keys = ", ".join(found)
    if wanted and wanted not in found:
        hint = f"write signature: with one of {keys}" if found else "leave signature out"
        raise JobError(f"{name} has no signature {wanted}", hint)
    if not wanted and len(found) > 1:
        cause = f"{name} has {len(found)} signatures: {keys}"
        raise JobError(cause, "write signature: with the one to gate")
    return wanted or found[0]


def gate_signature(content: bytes, wanted: str, name: str) -> bytes:
    """Return a ``.tflite`` whose first signature and primary subgraph are those to gate.

    LiteRT and the programs of targets run the primary subgraph. All signatures are kept. A file
    that is so already is returned as it is.

    Raises:
        JobError: as ``choose`` does.
    """
    model = parse(content)
    keys = [each.signatureKey.decode() for each in model.signatureDefs or ()]
    if not keys and not wanted:
        return content
    place = keys.index(choose(wanted, keys, name))
    index = model.signatureDefs[place].subgraphIndex
    if place == index == 0:
        return content
    model.signatureDefs.insert(0, model.signatureDefs.pop(place))
    model.subgraphs[0], model.subgraphs[index] = model.subgraphs[index], model.subgraphs[0]
    _renumber_subgraphs(model, {0: index, index: 0})
    return pack(model)


def _renumber_subgraphs(model: ModelT, numbers: Mapping[int, int]) -> None:
    """Change the numbers of subgraphs in signatures and in operators that run one, in place."""
    holders = [
        options
        for operator, _ in operators(model)
        for options in (operator.builtinOptions, operator.builtinOptions2)
        if options is not None
    ]
    for holder in (*model.signatureDefs, *holders):
        for field, value in vars(holder).items():
            if field == "subgraph" or field.lower().endswith("subgraphindex"):
                setattr(holder, field, numbers.get(value, value))


def name_tensors(model: ModelT) -> None:
    """Give every tensor without a name one that is unique, in place."""
    for number, graph in enumerate(model.subgraphs):
        names = {index: f"tensor_{number}_{index}" for index in range(len(graph.tensors))}
        if number == 0:  # as ``Signature`` names them
            names |= {index: f"output_{place}" for place, index in enumerate(graph.outputs)}
            names |= {index: f"input_{place}" for place, index in enumerate(graph.inputs)}
        for index, tensor in enumerate(graph.tensors):
            tensor.name = tensor.name or names[index].encode()


def add_signature(model: ModelT) -> None:
    """Give a model without a signature one, with the names of its tensors, in place."""
    if model.signatureDefs:
        return
    graph = model.subgraphs[0]
    definition = schema_fb.SignatureDefT()
    definition.signatureKey = "serving_default"
    definition.inputs = [_tensor_map(index, graph) for index in graph.inputs]
    definition.outputs = [_tensor_map(index, graph) for index in graph.outputs]
    model.signatureDefs = [definition]


def _tensor_map(index: int, graph: SubGraphT) -> Any:
    mapped = schema_fb.TensorMapT()
    mapped.tensorIndex = index
    mapped.name = graph.tensors[index].name
    return mapped
