"""What is read from the flatbuffer."""

import math
from collections.abc import Sequence

from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError, present


def sparsity(findings: Findings) -> Measurement:
    """Read the share of zeros."""
    structure = present(findings.structure)
    elements = sum(math.prod(weight.shape) for weight in structure.weights)
    return Measurement(structure.sparsity, f"zeros among {elements:,} weights of the .tflite")


def unique_weights(findings: Findings) -> Measurement:
    """Read the most different values in a weight tensor."""
    structure = present(findings.structure)
    most = max(structure.weights, key=lambda weight: weight.unique, default=None)
    name = most.name if most else "no weights"
    return Measurement(structure.unique_weights, f"different values, most of them in {name}")


def macs(findings: Findings) -> Measurement:
    """Read the multiply-accumulates."""
    found = present(findings.structure).macs
    if found is None:
        raise UnmeasuredError("the graph has loops, branches or operators of its own to count")
    return Measurement(found, "read from the graph, for one sample")


def integer_only(findings: Findings) -> Measurement:
    """Count the kinds of float operators."""
    return _operators("float", present(findings.structure).float_operators)


def other_operators(allowed: tuple[str, ...], findings: Findings) -> Measurement:
    """Count the kinds of operators that are not ``allowed``."""
    operators = present(findings.structure).operators
    return _operators("other", [name for name in operators if name not in allowed])


def _operators(kind: str, found: Sequence[str]) -> Measurement:
    count = len(found) or "no"
    names = f": {', '.join(found)}" if found else ""
    return Measurement(len(found), f"{count} {kind} operator{'s' * (len(found) > 1)}{names}")
