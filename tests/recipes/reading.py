"""Reads a ``.tflite`` through LiteRT's own interpreter, and nothing of the plugin's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

WEIGHTED = {"CONV_2D", "FULLY_CONNECTED"}


@dataclass(frozen=True)
class Kernel:
    """The weights of an operator.

    Attributes:
        dtype: As stored; int4 is int8 here, as LiteRT unpacks it.
        values: As stored, the output channel first.
        activations: The dtype of the operator's first input.
    """

    dtype: str
    values: NDArray[Any]
    activations: str

    @property
    def sparsity(self) -> float:
        return float((self.values == 0).mean())

    @property
    def unique(self) -> int:
        return len(np.unique(self.values))

    @property
    def unique_in_a_channel(self) -> int:
        return max(len(np.unique(channel)) for channel in self.values)


@dataclass(frozen=True)
class Opened:
    """A model: its operators by name, their kernels, and what its ends are.

    Attributes:
        operators: In the order of the graph.
        kernels: Of the convolutions and dense layers, in the order of the graph.
        ends: The dtypes of the first input and the first output.
    """

    operators: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    ends: tuple[str, str]


def read(path: Path) -> Opened:
    # Without XNNPACK, which replaces operators by its own.
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    types = {
        tensor["index"]: np.dtype(tensor["dtype"]).name
        for tensor in interpreter.get_tensor_details()
    }
    stored = {
        int(each["outputs"][0]): int(each["inputs"][0])
        for each in operators
        if each["op_name"] == "DEQUANTIZE"  # before a kernel of float16
    }
    kernels = []
    for each in operators:
        if each["op_name"] in WEIGHTED:
            data, weights = map(int, each["inputs"][:2])
            source = stored.get(weights, weights)
            kernel = Kernel(types[source], interpreter.get_tensor(source), types[data])
            kernels.append(kernel)
    ends = (interpreter.get_input_details()[0], interpreter.get_output_details()[0])
    first, last = (np.dtype(end["dtype"]).name for end in ends)
    return Opened(tuple(each["op_name"] for each in operators), tuple(kernels), (first, last))
