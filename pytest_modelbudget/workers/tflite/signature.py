"""The names, shapes and types of the inputs and outputs of a ``.tflite``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai_edge_litert.tools.flatbuffer_utils import ModelT, SubGraphT, schema_fb

from pytest_modelbudget.workers.tflite.tensors import TensorDetails


@dataclass(frozen=True)
class Signature:
    """What ``invoke`` takes and returns.

    Attributes:
        key: The key of the signature; empty if the model has none.
        inputs: By their names in the signature, or by tensor names if there is none.
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
        inputs = {details["name"]: details for details in litert.get_input_details()}
        outputs = {details["name"]: details for details in litert.get_output_details()}
        for key in litert.get_signature_list():
            runner = litert.get_signature_runner(key)
            named = runner.get_input_details()
            if {details["name"] for details in named.values()} == inputs.keys():
                return cls(key, _tensors(named), _tensors(runner.get_output_details()))
        return cls("", _tensors(inputs), _tensors(outputs))


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorDetails]:
    return {name: TensorDetails.of(name, each) for name, each in details.items()}


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
