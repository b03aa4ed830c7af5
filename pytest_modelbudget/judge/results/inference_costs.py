"""The memory and the instructions of one inference."""

from pytest_modelbudget.frozen import Frozen, Sequence


class Arena(Frozen):
    """What one inference needs beside the weights.

    Attributes:
        planned_bytes: Of the arena that LiteRT plans for activations and scratch.
        beside_bytes: Of variables, and of what kernels keep outside of that arena.
        live_bytes: The most that the graph's own activations take at once.
    """

    planned_bytes: int
    beside_bytes: int
    live_bytes: int


class FunctionCost(Frozen):
    """The instructions of one function, or of one kind of operator, in an invocation."""

    name: str
    instructions: int


class Instructions(Frozen):
    """The instructions of one invocation in LiteRT with XNNPACK and one thread, under Valgrind.

    Attributes:
        count: Of one invocation, without the allocator of memory: it depends on the model alone.
        uncounted: Of the allocator of memory in that invocation.
        functions: Each function that ran, without those that it called, the largest first.
        outside_xnnpack: The operators that XNNPACK did not run, with all that they called, the
            allocator of memory included.
        valgrind: Its version, such as ``valgrind-3.19.0``.
        cpu: The CPU that Valgrind shows to LiteRT, such as ``AVX2, FMA, no AVX-512``.
    """

    count: int
    uncounted: int
    functions: Sequence[FunctionCost]
    outside_xnnpack: Sequence[FunctionCost]
    valgrind: str
    cpu: str
